"""Leaks: fakes and originals, groups, people or parts that lie in two splits."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from avfake.datasets import Row
from avfake.errors import ManifestError

TIES = {
    "original": "clips made from one original",
    "group": "clips of one group",
    "identity": "clips of one person",
    "part": "clips of one part",
}
"""What rows of one split may share -> in words."""


@dataclass(frozen=True)
class Leak:
    """Rows of different splits that share something."""

    kind: str
    """A key of `TIES`, or "picture" or "sound" for near-duplicates."""
    shared: str
    """The original, person, ... that they share; the difference of near-duplicates."""
    clips: tuple[tuple[str, str], ...]
    """(clip_id, split) of all rows concerned."""

    def __str__(self) -> str:
        splits = sorted({split for _, split in self.clips})
        clips = [[clip_id for clip_id, side in self.clips if side == split] for split in splits]
        where = "; ".join(f"{s}: {_few(names)}" for s, names in zip(splits, clips, strict=True))
        what = TIES.get(self.kind, f"near-duplicates by {self.kind}")
        return f"{what} ({self.shared}) in {len(splits)} splits: {where}"


def splits_of(rows: Iterable[Row], plan: str | Path | None = None) -> dict[str, str]:
    """Return clip_id -> split: from a plan.csv (clip_id, split), or the manifest's own column.

    Rows without a split are left out. ManifestError if the plan does not fit the manifest.
    """
    if plan is None:
        return {row.clip_id: row.split for row in rows if row.split}
    try:
        with Path(plan).open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            lines = list(csv.DictReader(file))
    except (OSError, csv.Error) as error:
        raise ManifestError(f"{plan}: the plan cannot be read ({error})") from error
    if not lines or not {"clip_id", "split"} <= set(lines[0]):
        raise ManifestError(f"{plan}: a plan has rows, and the columns clip_id and split")
    planned: dict[str, str] = {}
    for line in lines:
        clip_id, split = line["clip_id"], line["split"] or ""
        if split and planned.setdefault(clip_id, split) != split:
            raise ManifestError(f"{plan}: {clip_id} is in two splits, {planned[clip_id]}, {split}")
    known = {row.clip_id for row in rows}
    if not known & set(planned):
        raise ManifestError(f"{plan}: none of its {len(planned)} clips is in the manifest")
    return {clip_id: split for clip_id, split in planned.items() if clip_id in known}


def find_leaks(
    rows: Iterable[Row], splits: Mapping[str, str], *, ties: Iterable[str] = tuple(TIES)
) -> list[Leak]:
    """Return every original, group, person and part whose rows lie in more than one split."""
    rows = [row for row in rows if row.clip_id in splits]
    leaks: list[Leak] = []
    seen: set[frozenset[str]] = set()
    for tie in ties:
        sets: dict[tuple[str, str], list[str]] = {}
        for row in rows:
            # A genuine clip is its own original.
            value = (row.original or row.clip_id) if tie == "original" else getattr(row, tie)
            if value:
                sets.setdefault((row.dataset, value), []).append(row.clip_id)
        for (_, shared), clips in sorted(sets.items()):
            names = frozenset(clips)
            # One leak is listed once, although a group is often the original itself.
            if len({splits[clip] for clip in clips}) > 1 and names not in seen:
                seen.add(names)
                leaks.append(Leak(tie, shared, tuple((c, splits[c]) for c in sorted(clips))))
    return leaks


def _few(names: list[str], limit: int = 3) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more
