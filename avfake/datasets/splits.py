"""Folds and splits that do not leak: what belongs together stays together, both classes spread."""

import hashlib
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple, TypeVar

from avfake.datasets.groups import rows_together
from avfake.datasets.parts import part_ranges
from avfake.datasets.rows import Row
from avfake.datasets.scan import some
from avfake.errors import ConfigError, ManifestError

Name = TypeVar("Name", int, str)


def assign_folds(
    rows: Iterable[Row], num_folds: int, *, seed: int, judged: Collection[str] | None = None
) -> dict[str, int]:
    """clip_id -> fold, 0 to `num_folds` - 1.

    Folds have about the same share of each label; the same seed and rows, in any order, give the
    same folds.

    judged: clips among which the shares are to be the same, None = all. Rows that may not be parted
        from one of these lie in its fold, all others in none.
    """
    if num_folds < 2:
        raise ConfigError(f"num_folds must be 2 or more, got {num_folds}")
    shares = dict.fromkeys(range(num_folds), 1 / num_folds)
    return _assign(list(rows), shares, seed, judged=judged)


def assign_splits(
    rows: Iterable[Row],
    fractions: Mapping[str, float] | None = None,
    *,
    seed: int = 0,
    parts: Mapping[str, str] | None = None,
) -> dict[str, str]:
    """clip_id -> split, by `fractions` of the rows, or by `parts` of the dataset.

    `parts` maps a split to the parts it takes, as text: `{"train": "0-40", "val": "41-49"}`; other
    parts are named as they are: `"0-9, train_sample_videos"`. It goes before `fractions`.
    """
    rows = list(rows)
    if parts is not None:
        assignment = _by_part(rows, parts)
        check_groups(rows, assignment)
        return assignment
    if not fractions or any(not share > 0 for share in fractions.values()):
        raise ConfigError(f"fractions must all be above 0, got {fractions}")
    if not math.isclose(sum(fractions.values()), 1, abs_tol=1e-6):
        raise ConfigError(f"fractions must sum to 1, {fractions} sum to {sum(fractions.values())}")
    return _assign(rows, dict(fractions), seed)


def check_groups(rows: Iterable[Row], assignment: Mapping[str, int | str]) -> None:
    """Raises ManifestError that names the rows of groups torn by `assignment`.

    Rows that are not in the assignment leak nothing and are passed over.
    """
    torn = []
    for together in rows_together(rows):
        sides: dict[int | str, str] = {}
        for row in together:
            if row.clip_id in assignment:
                sides.setdefault(assignment[row.clip_id], row.clip_id)
        if len(sides) > 1:
            where = ", ".join(f"{clip_id} in {side}" for side, clip_id in sides.items())
            torn.append(f"{together[0].group or together[0].clip_id} ({where})")
    if torn:
        raise ManifestError(f"{len(torn)} groups are torn apart by the split: {some(torn)}")


def split_hash(assignment: Mapping[str, int | str]) -> str:
    """12 hex digits that stand for exactly this division, to publish with a number."""
    lines = "".join(f"{clip_id}\t{side}\n" for clip_id, side in sorted(assignment.items()))
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()[:12]


_BALANCED = {
    "label": (False, True, None),
    "face_fake": (False, True),
    "voice_fake": (False, True),
}


class _Set(NamedTuple):
    """Rows that may not be parted."""

    clip_ids: list[str]
    counts: list[int]
    """Of those judged, as `_counts`."""


def _assign(
    rows: list[Row], shares: dict[Name, float], seed: int, *, judged: Collection[str] | None = None
) -> dict[str, Name]:
    """Each set of rows, largest first, to the side that lacks its labels most."""
    _check_unique(rows)
    sets = [_set_of(together, judged) for together in rows_together(rows)]
    sets = [one for one in sets if any(one.counts)]
    if len(sets) < len(shares):
        raise ManifestError(
            f"{len(rows)} rows form only {len(sets)} groups, too few for {len(shares)} splits: "
            "rows that share an original, a group or an identity cannot be parted"
        )
    # The seed decides among equals only, through a hash, so that the order of rows does not matter.
    sets.sort(key=lambda one: (-sum(one.counts[:3]), _digest(seed, one.clip_ids[0])))
    totals = [sum(column) for column in zip(*(one.counts for one in sets), strict=True)]
    filled = {side: [0.0] * len(totals) for side in shares}
    assignment: dict[str, Name] = {}
    for index, (clip_ids, counts) in enumerate(sets):
        empty = [side for side in shares if not any(filled[side])]
        # As many sets left as empty sides: each gets one, however small its share.
        allowed = empty if len(empty) >= len(sets) - index else list(shares)
        costs = {
            side: sum(
                count * (2 * (have - shares[side] * total) + count) / total
                for count, have, total in zip(counts, filled[side], totals, strict=True)
                if total
            )
            for side in allowed
        }
        side = min(costs, key=lambda side: costs[side])
        filled[side] = [have + count for have, count in zip(filled[side], counts, strict=True)]
        assignment.update(dict.fromkeys(clip_ids, side))
    return {row.clip_id: assignment[row.clip_id] for row in rows if row.clip_id in assignment}


def _set_of(rows: Sequence[Row], judged: Collection[str] | None) -> _Set:
    counted = [row for row in rows if judged is None or row.clip_id in judged]
    return _Set([row.clip_id for row in rows], _counts(counted))


def _counts(rows: Sequence[Row]) -> list[int]:
    """How many rows are genuine, fake, unknown; of how many the face is either, and the voice."""
    return [
        sum(getattr(row, field) is label for row in rows)
        for field, labels in _BALANCED.items()
        for label in labels
    ]


def _digest(seed: int, clip_id: str) -> bytes:
    return hashlib.sha256(f"{seed}:{clip_id}".encode("utf-8", "surrogateescape")).digest()


def _check_unique(rows: Sequence[Row]) -> None:
    seen: set[str] = set()
    for row in rows:
        if row.clip_id in seen:
            raise ManifestError(
                f"two rows have the clip_id {row.clip_id}; split datasets one by one"
            )
        seen.add(row.clip_id)


def _by_part(rows: Sequence[Row], parts: Mapping[str, str]) -> dict[str, str]:
    _check_unique(rows)
    side_of = part_ranges(parts)
    sides = {row.clip_id: side_of(row.part) for row in rows}
    left = sorted({str(row.part) for row in rows if sides[row.clip_id] is None})
    if left:
        raise ManifestError(
            f"rows lie in parts that no split takes: {some(left)}; "
            f"give each a split, or leave its rows out; splits: {dict(parts)}"
        )
    return {clip_id: side for clip_id, side in sides.items() if side is not None}
