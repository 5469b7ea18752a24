"""A copy is called as expected only where its counts and its files say so."""

from pathlib import Path

import pytest
from trees import touch, write

from avfake.cli.main import main
from avfake.datasets.build import build_manifest
from avfake.datasets.schema import load_spec

SPEC = """\
spec: 1
name: mine
title: a table and its files
tables:
  told: {file: told.csv, format: csv, require: [file, kind]}
media:
  - {id: clip, kind: video}
rows: {from: told, path: "{file}"}
fields:
  label: {of: "{told.kind}", map: {genuine: REAL, forged: FAKE}, strict: true}
"""
TOLD = "file,kind\na.mp4,genuine\nb.mp4,forged\nc.mp4,forged\n"
CLAIM = "as expected: counts are those that the spec expects of a complete copy"


def notes(root: Path, expect: str) -> tuple[str, ...]:
    write(root, "mine.yaml", SPEC + f"expect: {expect}\n")
    write(root, "data/told.csv", TOLD)
    return build_manifest(load_spec(root / "mine.yaml"), root / "data").warnings


def test_rows_of_a_table_without_their_files_are_no_complete_copy(tmp_path: Path) -> None:
    touch(tmp_path, "data/a.mp4", "data/b.mp4")
    assert notes(tmp_path, "{rows: 3, real: 1, fake: 2}") == (
        "1 rows name a file that is not there: c.mp4",
        "expected a file for each of 3 rows, 1 have none: is the copy of the dataset complete?",
    )
    touch(tmp_path, "data/c.mp4")
    assert notes(tmp_path, "{rows: 3, real: 1, fake: 2}") == ()


@pytest.mark.parametrize(
    ("expect", "note"),
    [
        ("{rows: [3, 9]}", None),
        ("{rows: [1, 3]}", None),
        ("{rows: [0, 9]}", "expected 0 to 9 rows, found 3: a copy in that range may lack files"),
        ("{rows: [4, 9]}", "expected 4 to 9 rows, found 3: is the copy of the dataset complete?"),
        ("{unique_names: true}", None),
    ],
)
def test_a_count_inside_a_range_does_not_show_a_complete_copy(
    tmp_path: Path, expect: str, note: str | None
) -> None:
    touch(tmp_path, "data/a.mp4", "data/b.mp4", "data/c.mp4")
    assert notes(tmp_path, expect) == ((note,) if note else ())


def test_a_copy_of_some_files_twice_is_not_complete_though_its_count_fits(tmp_path: Path) -> None:
    spec = "spec: 1\nname: mine\nmedia: [{id: clip, kind: video}]\n"
    write(tmp_path, "mine.yaml", spec + "expect: {rows: 2, unique_names: true}\n")
    touch(tmp_path, "data/a.mp4", "data/copy/a.mp4")
    assert build_manifest(load_spec(tmp_path / "mine.yaml"), tmp_path / "data").warnings == (
        "1 file names occur in more than one folder: a.mp4",
        "expected each file name once: is the copy of the dataset complete?",
    )


VIDEOS = "Filename,Video Ground Truth,Audio Ground Truth\na.mp4,Real,Real\n"


@pytest.mark.parametrize(
    ("spec", "files"),
    [
        ("dfdc", {"a.mp4": "", "metadata.json": '{"a.mp4": {"label": "REAL"}}'}),
        ("folders", {"real/a.mp4": ""}),
        (
            "deepfake_eval_2024",
            {"video-data/a.mp4": "", "video-metadata-publish.csv": VIDEOS},
        ),
    ],
)
def test_a_few_files_are_never_called_a_complete_copy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], spec: str, files: dict[str, str]
) -> None:
    for name, content in files.items():
        write(tmp_path, f"data/{name}", content)
    with pytest.raises(SystemExit) as left:
        main(["manifest", spec, str(tmp_path / "data"), str(tmp_path / "rows.csv")])
    assert left.value.code == 0
    out = capsys.readouterr().out
    assert f"{spec}: 1 rows (1 genuine)" in out
    assert CLAIM not in out


def test_unique_names_can_be_switched_off(tmp_path: Path) -> None:
    touch(tmp_path, "p1/x.mp4", "p2/x.mp4")
    spec = load_spec("dfdc", {"expect.unique_names": "false"})
    assert not any("occur in more than" in note for note in build_manifest(spec, tmp_path).warnings)
