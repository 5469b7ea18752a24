"""Splits: nothing that belongs together is parted, whatever the groups look like."""

import random
from collections import Counter, defaultdict
from dataclasses import replace
from typing import Any

import pytest

from avfake.datasets.manifest import Row
from avfake.datasets.splits import assign_splits, check_groups
from avfake.errors import ConfigError, ManifestError

SHARES = {"train": 0.6, "val": 0.2, "test": 0.2}


def row(name: str, label: bool | None = False, **values: str | None) -> Row:
    return Row(clip_id=name, path=f"/x/{name}", label=label, **values)  # type: ignore[arg-type]


def random_rows(seed: int) -> list[Row]:
    """Originals with fakes of theirs, some people seen twice, some groups across originals."""
    rng = random.Random(seed)
    rows = []
    for number in range(rng.randint(20, 120)):
        name = f"real{number}"
        person = f"p{rng.randrange(60)}" if rng.random() < 0.4 else None
        group = f"g{rng.randrange(40)}" if rng.random() < 0.5 else name
        rows.append(row(name, False, group=group, identity=person))
        for fake in range(rng.choice([0, 1, 1, 5])):
            rows.append(row(f"fake{number}_{fake}", True, original=name, group=f"f{number}_{fake}"))
    rows += [row(f"lone{n}", None, group=f"lone{n}") for n in range(rng.randint(0, 10))]
    rng.shuffle(rows)
    return rows


def sides_by(rows: list[Row], assignment: dict, key: str) -> dict[str, set]:
    sides = defaultdict(set)
    for r in rows:
        if getattr(r, key):
            sides[getattr(r, key)].add(assignment[r.clip_id])
    return sides


def assign_folds(rows: list[Row], num_folds: int, **how: Any) -> dict[str, int]:
    """clip_id -> fold, as a training run divides its clips."""
    return assign_splits(rows, dict.fromkeys(range(num_folds), 1 / num_folds), **how)


@pytest.mark.parametrize("seed", range(25))
def test_nothing_that_belongs_together_is_parted(seed: int) -> None:
    rows = random_rows(seed)
    for assignment in (assign_splits(rows, SHARES, seed=seed), assign_folds(rows, 3, seed=seed)):
        assert assignment.keys() == {r.clip_id for r in rows}
        for key in ("group", "identity"):
            assert all(len(s) == 1 for s in sides_by(rows, assignment, key).values())
        for r in rows:
            if r.original in assignment:
                assert assignment[r.clip_id] == assignment[r.original]
        check_groups(rows, assignment)


@pytest.mark.parametrize("seed", range(10))
def test_order_of_rows_does_not_matter_and_the_seed_does(seed: int) -> None:
    rows = random_rows(seed)
    first = assign_splits(rows, SHARES, seed=seed)
    again = assign_splits(rows[::-1], SHARES, seed=seed)
    assert first == again
    assert any(assign_splits(rows, SHARES, seed=s) != first for s in range(seed + 1, seed + 4))


def test_labels_are_spread_as_the_fractions_say() -> None:
    rows = [row(f"r{n}", False, group=f"r{n}") for n in range(200)]
    rows += [row(f"f{n}", True, original=f"r{n % 200}", group=f"r{n % 200}") for n in range(1000)]
    assignment = assign_splits(rows, SHARES, seed=1)
    counts = Counter((assignment[r.clip_id], r.label) for r in rows)
    for side, share in SHARES.items():
        assert counts[side, False] == pytest.approx(200 * share, abs=3)
        assert counts[side, True] == pytest.approx(1000 * share, abs=10)
    folds = Counter(assign_folds(rows, 5, seed=1).values())
    assert all(count == pytest.approx(240, abs=12) for count in folds.values())


def test_every_split_gets_something_even_of_few_groups() -> None:
    rows = [row(name, group=name) for name in "abc"]
    assert Counter(assign_splits(rows, SHARES, seed=0).values()) == dict.fromkeys(SHARES, 1)
    assert sorted(assign_folds(rows, 3, seed=0).values()) == [0, 1, 2]


def test_fakes_of_one_absent_original_stay_together() -> None:
    rows = [row(f"f{n}", True, original=f"gone{n // 4}", group=f"own{n}") for n in range(40)]
    assignment = assign_folds(rows, 4, seed=0)
    assert all(len(sides) == 1 for sides in sides_by(rows, assignment, "original").values())


def test_too_few_groups_is_an_error() -> None:
    rows = [row(f"f{n}", group="one") for n in range(9)]
    with pytest.raises(ManifestError, match=r"9 rows form only 1 groups, too few for 2 splits"):
        assign_folds(rows, 2, seed=0)
    with pytest.raises(ManifestError, match=r"0 rows form only 0 groups"):
        assign_splits([], SHARES, seed=0)


@pytest.mark.parametrize("shares", [{}, {"a": 0.5}, {"a": 1.5, "b": -0.5}, {"a": 1.0, "b": 0.0}])
def test_fractions_that_cannot_be(shares: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=r"fractions must"):
        assign_splits([row("a")], shares, seed=0)


def test_equal_ids_are_an_error() -> None:
    with pytest.raises(ManifestError, match=r"two rows have the clip_id a"):
        assign_folds([row("a"), row("a"), row("b")], 2, seed=0)


def test_torn_groups_are_named_and_counted() -> None:
    rows = [row(f"{g}_{n}", group=g) for g in "abcdefg" for n in range(2)]
    assignment = {r.clip_id: "train" if r.clip_id.endswith("0") else "val" for r in rows}
    message = r"^7 groups are torn apart.*a \(a_0 in train, a_1 in val\).*e \(.*\) and 2 more$"
    with pytest.raises(ManifestError, match=message):
        check_groups(rows, assignment)
    check_groups(rows, {"a_0": "train", "b_1": "val"})  # what is not assigned leaks nothing


def test_a_person_on_both_sides_is_a_torn_group() -> None:
    rows = [row("a", group="a", identity="p"), row("b", group="b", identity="p")]
    with pytest.raises(ManifestError, match=r"a in 0, b in 1"):
        check_groups(rows, {"a": 0, "b": 1})


def test_equal_names_in_two_datasets_are_strangers() -> None:
    rows = [row("a", identity="id1", dataset="x"), row("b", identity="id1", dataset="y")]
    check_groups(rows, {"a": 0, "b": 1})


def test_splits_by_part() -> None:
    rows = [row(f"c{n}", part=str(n)) for n in range(50)] + [
        row("s", part="sample"),
        row("t", part="07"),
    ]
    parts = {"train": "0-40, sample", "val": "41,42-49"}
    assignment = assign_splits(rows, SHARES, seed=0, parts=parts)
    assert Counter(assignment.values()) == {"train": 43, "val": 9}
    assert assignment["c40"] == assignment["s"] == assignment["t"] == "train"
    assert assignment["c41"] == "val"


def test_a_group_in_two_parts_is_named() -> None:
    rows = [row("p0/a", part="0", group="p0/a"), row("p9/b", True, part="9", original="p0/a")]
    with pytest.raises(ManifestError, match=r"1 groups .*p0/a \(p0/a in train, p9/b in val\)"):
        assign_splits(rows, None, parts={"train": "0-4", "val": "5-9"})


def test_a_part_that_no_split_takes_is_named() -> None:
    rows = [row("a", part="0"), row("b", part="50"), row("c")]
    with pytest.raises(ManifestError, match=r"no split takes: 50, None; give each a split"):
        assign_splits(rows, None, parts={"train": "0-40"})


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({}, "at least one split"),
        ({"a": ""}, "parts are a text such as"),
        ({"a": "9-3"}, "write the lower first"),
        ({"a": "5-1000005"}, "parts '5-1000005' are 1000001 numbers; write at most 1000000"),
        ({"a": "0-5", "b": "5-9"}, "part 5 is in two splits, a and b"),
    ],
)
def test_parts_that_cannot_be(parts: dict[str, str], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        assign_splits([row("a", part="0")], None, parts=parts)


def test_the_longest_range_of_parts_is_taken() -> None:
    rows = [row("a", part="900000"), row("b", True, part="1900001")]
    parts = {"train": "900000-1899999", "val": "1900000-1900001"}
    assert assign_splits(rows, None, parts=parts) == {"a": "train", "b": "val"}


def test_one_long_chain_is_one_group() -> None:
    rows = [row(f"r{n:05}", group=f"g{n // 2}", identity=f"p{(n + 1) // 2}") for n in range(20000)]
    with pytest.raises(ManifestError, match=r"20000 rows form only 1 groups"):
        assign_folds([replace(r, label=bool(n % 2)) for n, r in enumerate(rows)], 2, seed=0)


def parts_row(name: str, *, face: bool | None, voice: bool | None) -> Row:
    label = bool(face) or bool(voice)
    return replace(row(name, label, group=name), face_fake=face, voice_fake=voice)


def test_each_part_is_spread_where_faces_and_voices_come_from_different_files() -> None:
    rows = [parts_row(f"face{n}", face=n < 20, voice=None) for n in range(40)]
    rows += [parts_row(f"voice{n}", face=None, voice=n < 100) for n in range(200)]
    folds = assign_folds(rows, 5, seed=0)
    for field, each in (("face_fake", 4), ("voice_fake", 20)):
        for label in (False, True):
            found = Counter(folds[r.clip_id] for r in rows if getattr(r, field) is label)
            assert found == dict.fromkeys(range(5), each)


def test_clips_that_do_not_count_follow_those_they_belong_to() -> None:
    counted = [row(f"real{n}", n % 2 == 0, group=f"g{n}") for n in range(20)]
    related = [row(f"forged{n}", True, group=f"g{n}") for n in range(0, 20, 5)]
    strangers = [row(f"still{n}", False, group="stills") for n in range(500)]
    names = {r.clip_id for r in counted}
    folds = assign_folds([*counted, *related, *strangers], 5, seed=0, counted=names)
    assert folds.keys() == names | {r.clip_id for r in related}
    assert all(folds[f"forged{n}"] == folds[f"real{n}"] for n in range(0, 20, 5))
    alone = assign_folds(counted, 5, seed=0)
    assert Counter(folds[name] for name in names) == Counter(alone.values())
