"""Folds and splits that do not leak: what belongs together stays together, both classes spread.

scikit-learn's StratifiedGroupKFold has no unequal shares, balances one label instead of three, and
gives other folds for rows in another order; hence the assignment here.
"""

import hashlib
import math
import re
from collections import Counter
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from avfake.datasets.folders import some
from avfake.datasets.manifest import Row
from avfake.errors import ConfigError, ManifestError

Name = TypeVar("Name", int, str)
_BALANCED = (
    *(("label", False), ("label", True), ("label", None)),
    *(("face_fake", False), ("face_fake", True), ("voice_fake", False), ("voice_fake", True)),
)
"""Column and value of which each split has about the same share."""
MOST_PARTS = 1_000_000
"""Numbers in one range of parts; a mistyped bound would fill the memory."""


def assign_splits(
    rows: Iterable[Row],
    fractions: Mapping[Name, float] | None = None,
    *,
    seed: int = 0,
    parts: Mapping[Name, str] | None = None,
    counted: Collection[str] | None = None,
) -> dict[str, Name]:
    """Return clip_id -> split or fold, by `fractions` of the rows, or by `parts` of the dataset.

    With fractions, all have about the same share of each label; the same seed and rows, in any
    order, give the same splits.

    Args:
        parts: split -> the parts it takes, as text: `{"train": "0-40", "val": "41-49"}`; other
            parts are named as they are: `"0-9, train_sample_videos"`. It goes before `fractions`.
        counted: clips among which the fractions are to be kept, None = all. Rows that may not be
            separated from one of these lie in its split, all others in none.
    """
    rows = list(rows)
    clip_id, count = Counter(row.clip_id for row in rows).most_common(1)[0] if rows else ("", 0)
    if count > 1:
        raise ManifestError(f"two rows have the clip_id {clip_id}; split datasets one by one")
    if parts is not None:
        assignment = _by_part(rows, parts)
        check_groups(rows, assignment)
        return assignment
    if not fractions or any(not share > 0 for share in fractions.values()):
        raise ConfigError(f"fractions must all be above 0, got {fractions}")
    if not math.isclose(sum(fractions.values()), 1, abs_tol=1e-6):
        raise ConfigError(f"fractions must sum to 1, {fractions} sum to {sum(fractions.values())}")
    return _assign(rows, fractions, seed, counted)


def check_groups(rows: Iterable[Row], assignment: Mapping[str, int | str]) -> None:
    """Raise ManifestError that names the groups with rows on more than one side of `assignment`.

    Rows that are not in the assignment leak nothing and are skipped.
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


def rows_together(rows: Iterable[Row]) -> list[list[Row]]:
    """Return sets of rows that no split may divide, each sorted, the sets sorted by first row.

    Rows belong together that share a group or an identity within a dataset, and a fake with its
    original; so do rows that are only connected through others.
    """
    ordered = sorted(rows, key=lambda row: row.clip_id)
    sets: dict[int, list[Row]] = {}
    for row, component in zip(ordered, _components([_ties(r) for r in ordered]), strict=True):
        sets.setdefault(component, []).append(row)
    return list(sets.values())


def _ties(row: Row) -> list[Hashable]:
    ties = [("clip", row.clip_id), ("group", row.group), ("clip", row.original)]
    ties.append(("identity", row.identity))
    return [(row.dataset, *tie) for tie in ties if tie[1]]


def merged_names(values: Sequence[Sequence[str]]) -> list[str]:
    """Return a name for each row's group: rows that share any value have the same name."""
    components = _components(values)
    smallest: dict[int, str] = {}
    for shared, component in zip(values, components, strict=True):
        smallest[component] = min(*shared, smallest.get(component, shared[0]))
    return [smallest[component] for component in components]


def _components(shared: Sequence[Sequence[Hashable]]) -> list[int]:
    """Return a number for each item: the same for items that share anything, through any chain."""
    if not shared:
        return []
    numbers: dict[Hashable, int] = {}
    nodes = [numbers.setdefault(value, len(numbers)) for values in shared for value in values]
    items = np.repeat(np.arange(len(shared)), [len(values) for values in shared])
    edges = (np.ones(len(items)), (items, len(shared) + np.array(nodes, int)))
    from scipy.sparse import coo_array  # late: scoring reads folders and splits nothing
    from scipy.sparse.csgraph import connected_components

    graph = coo_array(edges, (len(shared) + len(numbers),) * 2)
    return list(connected_components(graph, directed=False)[1][: len(shared)].tolist())


def _assign(
    rows: list[Row], shares: Mapping[Name, float], seed: int, counted: Collection[str] | None
) -> dict[str, Name]:
    """Assign each set of rows, largest first, to the side that lacks its labels most."""
    sets: list[tuple[list[str], list[int]]] = []
    for together in rows_together(rows):
        used = [row for row in together if counted is None or row.clip_id in counted]
        counts = [sum(getattr(row, name) is value for row in used) for name, value in _BALANCED]
        if any(counts):
            sets.append(([row.clip_id for row in together], counts))
    if len(sets) < len(shares):
        raise ManifestError(
            f"{len(rows)} rows form only {len(sets)} groups, too few for {len(shares)} splits: "
            "rows that share an original, a group or an identity cannot be parted"
        )
    # The seed decides among equals only, through a hash, so that the order of rows does not matter.
    sets.sort(key=lambda one: (-sum(one[1][:3]), _digest(seed, one[0][0])))
    totals = [sum(column) for column in zip(*(counts for _, counts in sets), strict=True)]
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


def _digest(seed: int, clip_id: str) -> bytes:
    return hashlib.sha256(f"{seed}:{clip_id}".encode("utf-8", "surrogateescape")).digest()


def _by_part(rows: Sequence[Row], parts: Mapping[Name, str]) -> dict[str, Name]:
    if not parts:
        raise ConfigError('parts needs at least one split, such as {"train": "0-40"}')
    side_of: dict[str, Name] = {}
    for side, text in parts.items():
        for part in _listed(text):
            if side_of.setdefault(part, side) != side:
                raise ConfigError(f"part {part} is in two splits, {side_of[part]} and {side}")
    left = sorted({str(row.part) for row in rows if _plain(row.part or "") not in side_of})
    if left:
        raise ManifestError(
            f"rows lie in parts that no split takes: {some(left)}; "
            f"give each a split, or leave its rows out; splits: {dict(parts)}"
        )
    return {row.clip_id: side_of[_plain(row.part or "")] for row in rows}


def _listed(text: str) -> list[str]:
    """Return the parts in a text such as `0-40` or `3, 7-9, train_sample_videos`."""
    listed = []
    for piece in filter(None, (piece.strip() for piece in str(text).split(","))):
        bounds = re.fullmatch(r"(\d+)\s*-\s*(\d+)", piece)
        if not bounds:
            listed.append(_plain(piece))
            continue
        first, last = int(bounds[1]), int(bounds[2])
        if first > last:
            raise ConfigError(f"parts {piece!r} run from {first} to {last}; write the lower first")
        if last - first >= MOST_PARTS:
            raise ConfigError(
                f"parts {piece!r} are {last - first + 1} numbers; write at most {MOST_PARTS}"
            )
        listed += map(str, range(first, last + 1))
    if not listed:
        raise ConfigError(f'parts are a text such as "0-40" or "3, 7-9", got {text!r}')
    return listed


def _plain(part: str) -> str:
    """Return a part in one spelling: `07` and `7` are the same."""
    return str(int(part)) if part.isdecimal() else part
