"""`avfake specs check`, and what `avfake manifest` says of datasets with faults."""

import json
from pathlib import Path

import pytest
from running import Run

SPEC = """\
spec: 1
name: mine
title: two folders
tables:
  truth: {file: truth.csv, format: csv, key: "{file}"}
media:
  - {id: clip, kind: video, glob: "clips/*.mp4"}
join: [{table: truth, key: "{name}"}]
fields:
  label: {of: "{truth.kind}", map: {genuine: REAL, forged: FAKE}, strict: true}
"""
TRUTH = "file,kind\na.mp4,genuine\nb.mp4,forged\n"


def build(folder: Path, *, spec: str = SPEC, truth: str = TRUTH) -> tuple[Path, Path]:
    """(spec, root) of a dataset of two clips."""
    (folder / "root" / "clips").mkdir(parents=True)
    for name in ("a.mp4", "b.mp4"):
        (folder / "root" / "clips" / name).touch()
    (folder / "root" / "truth.csv").write_text(truth)
    (folder / "mine.yaml").write_text(spec)
    return folder / "mine.yaml", folder / "root"


def test_a_good_spec_is_checked_with_its_counts(run: Run, tmp_path: Path) -> None:
    spec, root = build(tmp_path, spec=SPEC + "expect: {rows: 2, fake: 1}\n")
    code, out, _ = run("specs", "check", spec, root)
    assert code == 0
    assert "mine: 2 rows (1 genuine, 1 fake)" in out
    assert "face_fake: 1 false, 1 unknown" in out
    assert "counts are those that the spec expects" in out
    assert "0 notes to read" in out


def test_a_copy_unlike_the_expectation_is_a_note(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("specs", "check", *build(tmp_path, spec=SPEC + "expect: {rows: 9}\n"))
    assert code == 0
    assert "expected 9 rows, found 2" in out
    assert "1 notes to read" in out


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("fields:", "feilds:", "mine.yaml:9: feilds: "),
        ("clips/*.mp4", "films/*.mp4", "looked for films/*.mp4"),
        ("truth.csv", "lies.csv", "table 'truth' is missing"),
        ("genuine: REAL", "honest: REAL", "truth.csv, line 2"),
    ],
)
def test_what_is_wrong_with_a_spec_is_named(
    run: Run, tmp_path: Path, old: str, new: str, message: str
) -> None:
    code, out, _ = run("specs", "check", *build(tmp_path, spec=SPEC.replace(old, new)))
    assert code == 1
    assert out.startswith("refused: ")
    assert message in out


def test_a_row_without_a_file_and_a_file_without_a_row_are_counted(
    run: Run, tmp_path: Path
) -> None:
    spec, root = build(tmp_path, truth=TRUTH + "gone.mp4,forged\n")
    (root / "clips" / "untold.mp4").touch()
    spec.write_text(SPEC.replace(", strict: true", ""))
    code, out, _ = run("manifest", spec, root, tmp_path / "m.csv")
    assert code == 0
    assert "1 files have no row in any table (truth): clips/untold.mp4" in out
    assert "1 rows of truth fit no file: truth.csv, line 4" in out


def test_conflicting_labels_name_both_rows(run: Run, tmp_path: Path) -> None:
    spec, root = build(tmp_path, truth=TRUTH + "a.mp4,forged\n")
    code, _, err = run("manifest", spec, root, tmp_path / "m.csv")
    assert code == 2
    assert "truth.csv, line 4: 'a.mp4' is there already, at truth.csv, line 2" in err


def test_dropped_rows_are_told_by_reason(run: Run, tmp_path: Path) -> None:
    spec, root = build(tmp_path, spec=SPEC + "drop: [{label: true}]\n")
    code, out, _ = run("manifest", spec, root, tmp_path / "m.csv")
    assert code == 0
    assert "1 rows dropped, as the spec says, for label true: clips/b.mp4" in out


def test_fakes_without_genuine_clips_say_what_to_join(run: Run, tmp_path: Path) -> None:
    other = "external: {theirs: {spec: ffpp, params: {quality: c23}, role: real_class}}\n"
    spec, root = build(tmp_path, spec=SPEC + other, truth=TRUTH.replace("genuine", "forged"))
    code, out, _ = run("manifest", spec, root, tmp_path / "m.csv")
    assert code == 0
    assert "fakes only; join a folder of genuine clips, theirs" in out
    assert "avfake prepare ffpp ROOT OUT --set params.quality=c23" in out


def test_names_that_are_not_utf8_survive(run: Run, tmp_path: Path) -> None:
    root, name = tmp_path / "root", "raw\udcff.mp4"
    root.mkdir()
    (root / name).write_bytes(b"no video")
    (root / "metadata.json").write_text(json.dumps({}))
    options = ("--workers", 0, "--frames", 2, "--size-px", 64)
    code, out, err = run("prepare", "dfdc", root, tmp_path / "out", *options)
    assert code == 1, out + err
    for table in ("manifest.csv", "status.csv"):
        assert b"raw\xff.mp4" in (tmp_path / "out" / table).read_bytes()
    assert run("prepare", "dfdc", root, tmp_path / "out", *options)[0] == 1


def test_words_after_specs_that_mean_nothing_are_refused(
    run: Run,
) -> None:
    code, _, err = run("specs", "check", "only_one.yaml")
    assert code == 2
    assert "avfake specs check FILE ROOT" in err


def test_a_manifest_says_when_its_counts_are_as_expected(run: Run, tmp_path: Path) -> None:
    spec, root = build(tmp_path, spec=SPEC + "expect: {rows: 2, fake: 1}\n")
    assert "as expected: counts are those" in run("manifest", spec, root, tmp_path / "m.csv")[1]
    assert (
        "as expected"
        not in run("manifest", spec, root, tmp_path / "m.csv", "--set", "expect.rows=9")[1]
    )
