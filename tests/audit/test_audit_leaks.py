"""Planted leaks are named, row by row; a clean division has none."""

from dataclasses import replace
from pathlib import Path

import pytest

from avfake.audit.leaks import find_leaks, splits_of
from avfake.datasets.manifest import Row
from avfake.datasets.splits import assign_splits
from avfake.errors import ManifestError


def families(count: int = 12) -> list[Row]:
    """A genuine clip and a fake of it, each pair of a person and a part of its own."""
    rows = []
    for k in range(count):
        known = {"group": f"g{k}", "identity": f"p{k}", "part": str(k), "dataset": "made-up"}
        rows.append(Row(f"real{k}.mp4", "", label=False, **known))
        rows.append(Row(f"fake{k}.mp4", "", label=True, original=f"real{k}.mp4", **known))
    return rows


def test_a_division_by_groups_has_no_leak() -> None:
    rows = families()
    assert find_leaks(rows, assign_splits(rows, {"train": 0.5, "test": 0.5})) == []


def test_a_fake_away_from_its_original_is_named() -> None:
    rows = [replace(row, group="", identity=None, part=None) for row in families()]
    splits = {row.clip_id: "test" if row.clip_id == "fake3.mp4" else "train" for row in rows}
    (leak,) = find_leaks(rows, splits)
    assert (leak.kind, leak.shared) == ("original", "real3.mp4")
    assert str(leak) == (
        "clips made from one original (real3.mp4) in 2 splits: test: fake3.mp4; train: real3.mp4"
    )


@pytest.mark.parametrize("tie", ["group", "identity", "part"])
def test_what_rows_share_may_not_be_in_two_splits(tie: str) -> None:
    rows = families()
    splits = {row.clip_id: "test" if "7" in row.clip_id else "train" for row in rows}
    rows = [replace(row, **{tie: "torn"}) if row.clip_id[4] in "27" else row for row in rows]
    (leak,) = find_leaks(rows, splits)
    assert (leak.kind, leak.shared) == (tie, "torn")
    assert {clip for clip, _ in leak.clips} == {
        f"{k}{n}.mp4" for k in ("real", "fake") for n in (2, 7)
    }
    assert find_leaks(rows, splits, ties=[]) == []


def test_one_name_in_two_datasets_is_no_leak() -> None:
    rows = [Row("a", "", identity="p", dataset="one"), Row("b", "", identity="p", dataset="two")]
    assert find_leaks(rows, {"a": "train", "b": "test"}) == []


def test_a_plan_goes_before_the_manifests_own_splits(tmp_path: Path) -> None:
    rows = [replace(row, split="train") for row in families(2)]
    assert set(splits_of(rows).values()) == {"train"}
    plan = tmp_path / "plan.csv"
    plan.write_text("clip_id,split\nreal0.mp4,test\nelsewhere.mp4,test\nfake0.mp4,\n")
    assert splits_of(rows, plan) == {"real0.mp4": "test"}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("clip_id,fold\na,1\n", "columns clip_id and split"),
        ("clip_id,split\nelsewhere.mp4,test\n", "none of its 1 clips"),
        ("clip_id,split\nreal0.mp4,test\nreal0.mp4,train\n", "is in two splits"),
    ],
)
def test_a_plan_that_does_not_fit_is_refused(tmp_path: Path, text: str, complaint: str) -> None:
    plan = tmp_path / "plan.csv"
    plan.write_text(text)
    with pytest.raises(ManifestError, match=complaint):
        splits_of(families(2), plan)
