"""What other programs write for "there is none" ties no rows together."""

import json
from pathlib import Path

import pytest
from trees import touch, write

from avfake.datasets.build import build_manifest
from avfake.datasets.manifest import Manifest, read_manifest
from avfake.datasets.schema import load_spec
from avfake.datasets.splits import rows_together
from avfake.datasets.values import is_blank

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases" / "t01_nan_originals"
BLANKS = [float("nan"), "NaN", "nan", "NA", "n/a", "<NA>", "None", "null", "", " ", "-", None]
BLANKS += [-1, -1.0, "-1", [], False]
WORDS = [word for word in BLANKS if isinstance(word, str) and word.strip()]


def built(spec: str, root: Path, **params: str) -> Manifest:
    return build_manifest(load_spec(spec, {f"params.{k}": v for k, v in params.items()}), root)


def groups(manifest: Manifest) -> dict[str, str]:
    return {row.clip_id: row.group for row in manifest.rows}


@pytest.mark.parametrize("blank", BLANKS, ids=repr)
def test_a_blank_original_of_a_genuine_clip_is_none(tmp_path: Path, blank: object) -> None:
    table = {f"{name}.mp4": {"label": "REAL", "original": blank} for name in "abc"}
    table["f.mp4"] = {"label": "FAKE", "original": "a.mp4"}
    (tmp_path / "metadata.json").write_text(json.dumps(table))
    manifest = built("dfdc", touch(tmp_path, *table))
    assert groups(manifest) == {"a.mp4": "a.mp4", "b.mp4": "b.mp4", "c.mp4": "c.mp4"} | {
        "f.mp4": "a.mp4"
    }
    assert [row.original for row in manifest.rows] == [None, None, None, "a.mp4"]
    assert manifest.warnings == ()
    assert len(rows_together(manifest.rows)) == 3


@pytest.mark.parametrize("blank", BLANKS, ids=repr)
def test_a_blank_original_of_a_fake_is_said_and_groups_nothing(
    tmp_path: Path, blank: object
) -> None:
    table = {f"{name}.mp4": {"label": "FAKE", "original": blank} for name in "ab"}
    (tmp_path / "metadata.json").write_text(json.dumps(table))
    manifest = built("dfdc", touch(tmp_path, *table))
    assert groups(manifest) == {"a.mp4": "a.mp4", "b.mp4": "b.mp4"}
    assert manifest.warnings == (
        "2 fakes name no original, and each is a group of its own: a.mp4, b.mp4",
    )


def test_originals_named_by_some_fakes_only_are_said_to_lack(tmp_path: Path) -> None:
    lines = "a.mp4,REAL,,s1\nb.mp4,FAKE,a.mp4,\nc.mp4,FAKE,,\nd.mp4,FAKE,NA,s1\n"
    write(tmp_path, "manifest.csv", "path,label,original,group\n" + lines)
    manifest = built("csv", touch(tmp_path, "a.mp4", "b.mp4", "c.mp4", "d.mp4"))
    assert groups(manifest) == {"a.mp4": "s1", "b.mp4": "a.mp4", "c.mp4": "c.mp4", "d.mp4": "s1"}
    assert manifest.warnings == ("1 fakes name no original, and each is a group of its own: c.mp4",)


@pytest.mark.parametrize("word", WORDS)
@pytest.mark.parametrize("column", ["original", "group", "identity"])
def test_a_blank_cell_of_a_table_ties_nothing(tmp_path: Path, word: str, column: str) -> None:
    write(tmp_path, "t.csv", f"path,label,x\na.mp4,REAL,{word}\nb.mp4,REAL,{word}\n")
    manifest = built("csv", touch(tmp_path, "a.mp4", "b.mp4"), table="t.csv", **{column: "x"})
    assert groups(manifest) == {"a.mp4": "a.mp4", "b.mp4": "b.mp4"}
    assert len(rows_together(manifest.rows)) == 2
    assert all(row.identity is None and row.original is None for row in manifest.rows)


def test_a_name_that_only_looks_like_a_blank_is_kept(tmp_path: Path) -> None:
    write(tmp_path, "t.csv", "path,label,original,identity\nna.mp4,REAL,,0\nb.mp4,FAKE,na.mp4,0\n")
    first, second = built("csv", touch(tmp_path, "na.mp4", "b.mp4"), table="t.csv").rows
    assert (first.original, first.identity, second.identity) == ("na.mp4", "0", "0")
    assert not is_blank("nana")
    assert not is_blank(0)


def test_a_manifest_that_another_program_wrote_anew_ties_nothing(tmp_path: Path) -> None:
    lines = "".join(f"{n}.mp4,{n}.mp4,false,nan,nan,nan\n" for n in "ab")
    write(tmp_path, "m.csv", "clip_id,path,label,original,group,identity\n" + lines)
    rows = read_manifest(tmp_path / "m.csv").rows
    assert [(row.original, row.group, row.identity) for row in rows] == [(None, "", None)] * 2
    assert len(rows_together(rows)) == 2


def test_labels_that_pandas_made_decimals_are_read(tmp_path: Path) -> None:
    write(tmp_path, "metadata.json", {"a.mp4": {"is_fake": 1.0}, "b.mp4": {"is_fake": 0.0}})
    assert [r.label for r in built("dfdc", touch(tmp_path, "a.mp4", "b.mp4")).rows] == [True, False]


def test_a_split_that_is_no_number_is_none(tmp_path: Path) -> None:
    write(tmp_path, "manifest.csv", "path,label,split,method\na.mp4,REAL,nan,nan\n")
    (row,) = built("csv", touch(tmp_path, "a.mp4")).rows
    assert (row.split, row.method) == (None, None)


@pytest.mark.skipif(not CASES.is_dir(), reason="the inputs that were answered wrongly are not here")
def test_the_reported_table_gives_each_genuine_clip_its_own_group() -> None:
    names = [f"{name}.mp4" for name in "abcd"]
    assert groups(built("dfdc", CASES)) == {name: name for name in names} | {"f.mp4": "a.mp4"}
