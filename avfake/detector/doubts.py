"""What is seen in a clip, without learning, that forbids the answer "real"."""

from collections.abc import Iterable

import numpy as np

from avfake.clips import Clip
from avfake.errors import NEVER_REAL, Reason
from avfake.labels import Decision, Part

STILL_CROPS = 3
"""Crops of a person that are compared, at least..."""
STILL_SECONDS = 1.0
"""...and the time between the first and the last: no living face is motionless for as long."""
CELLS = 28
"""Cells along each side of a crop, over which grey levels are averaged: noise of coding averages
out, while a blink or a lip moves a whole cell."""
STILL_LEVELS = 8.0
"""Grey levels by which no cell differs in a still picture, coded coarsely."""


def picture_doubts(clip: Clip) -> tuple[Reason, ...]:
    """Return `still_picture` where the crops of each person show one and the same picture.

    A photograph says nothing about what was said or done. A clip of few crops, or of a moment, has
    no such reason: it may well be short.
    """
    persons = range(len(clip.meta.persons))
    with clip.opened():
        still = bool(persons) and all(is_still(clip, person) for person in persons)
    return (Reason("face", "still_picture"),) if still else ()


def is_still(clip: Clip, person: int) -> bool:
    """Return whether all crops of a person show the same picture; read up to the first that
    differs."""
    indices = clip.meta.persons[person].frame_indices
    seconds = [clip.meta.frame_seconds[index] for index in indices]
    if len(indices) < STILL_CROPS or seconds[-1] - seconds[0] < STILL_SECONDS:
        return False
    first = cell_means(clip.crop(person, 0))
    # The last differs most often: then two crops are read.
    others = [len(indices) - 1, *range(1, len(indices) - 1)]
    return all(
        np.abs(cell_means(clip.crop(person, other)) - first).max() <= STILL_LEVELS
        for other in others
    )


def cell_means(crop: np.ndarray) -> np.ndarray:
    """Return float64 [CELLS, CELLS], the mean grey level of each cell of a crop [S, S, 3]."""
    edges = np.linspace(0, len(crop), min(CELLS, len(crop)) + 1).astype(int)
    sums = np.add.reduceat(crop.mean(axis=2), edges[:-1], axis=0)
    sums = np.add.reduceat(sums, edges[:-1], axis=1)
    sizes = np.diff(edges)
    means: np.ndarray = sums / np.outer(sizes, sizes)
    return means


def allowed(decision: Decision, reasons: Iterable[Reason], part: Part | None = None) -> Decision:
    """Return "unsure" in place of "real" where a reason forbids that.

    part: the decision is on this part alone; None = on the file
    """
    forbids = any(one.code in NEVER_REAL and part in (None, one.part) for one in reasons)
    return "unsure" if decision == "real" and forbids else decision
