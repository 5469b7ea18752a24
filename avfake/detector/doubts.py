"""What is seen in a clip, without learning, that forbids the answer "real"."""

from collections.abc import Iterable

import numpy as np
from PIL import Image

from avfake.clips import Clip
from avfake.errors import NEVER_REAL, Reason
from avfake.faces import CropConfig
from avfake.labels import Decision, Part

STILL_CROPS = 3
"""Crops of a person that are compared, at least..."""
STILL_SECONDS = 1.0
"""...and the time between the first and the last: no living face is motionless for as long."""
CELLS = 28
"""Cells along each side of a crop, over which grey levels are averaged: noise of coding averages
out, while a blink or a lip moves a whole cell."""
STILL_LEVELS = 8.0
"""Grey levels by which no cell differs in a still picture. Of 20 real files made of stills the
greatest difference was 3.5, of 251 videos of people 25 or more."""
MOST_SHIFT = 0.25
"""Shift of a crop, as a share of its side, beyond which the face has moved."""


def picture_doubts(clip: Clip, crop: CropConfig) -> tuple[Reason, ...]:
    """Return `still_picture` where the crops of each person show one and the same picture.

    A photograph says nothing about what was said or done. A clip of few crops, or of a moment, has
    no such reason: it may well be short. crop: how the crops were cut
    """
    persons = range(len(clip.meta.persons))
    with clip.opened():
        still = bool(persons) and all(is_still(clip, person, crop) for person in persons)
    return (Reason("face", "still_picture"),) if still else ()


def is_still(clip: Clip, person: int, crop: CropConfig) -> bool:
    """Return whether all crops of a person show the same picture; read up to the first that
    differs."""
    track = clip.meta.persons[person].as_track()
    seconds = [clip.meta.frame_seconds[index] for index in track.frame_indices]
    if len(seconds) < STILL_CROPS or seconds[-1] - seconds[0] < STILL_SECONDS:
        return False
    # Boxes of one picture differ a little from frame to frame, by the noise of its coding.
    squares = track.squares(crop)
    shifts = (squares[:, :2] - squares[0, :2]) * crop.size_px / (squares[0, 2] - squares[0, 0])
    first = grey(clip.crop(person, 0))
    # The last differs most often: then two crops are read.
    others = [len(seconds) - 1, *range(1, len(seconds) - 1)]
    return all(
        difference(first, grey(clip.crop(person, other)), shifts[other]) <= STILL_LEVELS
        for other in others
    )


def grey(crop: np.ndarray) -> np.ndarray:
    """Return float32 [S, S] grey levels of a crop [S, S, 3]."""
    levels: np.ndarray = crop.mean(axis=2, dtype=np.float32)
    return levels


def difference(first: np.ndarray, other: np.ndarray, shift: np.ndarray) -> float:
    """Return the greatest difference of a cell between two crops [S, S], where both show the frame.

    shift: px [2], x and y, from the place of the first crop in the frame to that of the other;
    beyond `MOST_SHIFT` the difference is infinite
    """
    edge = int(np.ceil(np.abs(shift).max())) + 1
    if edge > MOST_SHIFT * len(first):
        return float("inf")
    picture = Image.fromarray(other)
    placed = (1, 0, -float(shift[0]), 0, 1, -float(shift[1]))
    moved = picture.transform(
        picture.size, Image.Transform.AFFINE, placed, Image.Resampling.BILINEAR
    )
    inside = slice(edge, -edge)
    both = (cell_means(levels[inside, inside]) for levels in (first, np.asarray(moved)))
    return float(np.abs(np.subtract(*both)).max())


def cell_means(levels: np.ndarray) -> np.ndarray:
    """Return float [CELLS, CELLS], the mean of each cell of grey levels [S, S]."""
    edges = np.linspace(0, len(levels), min(CELLS, len(levels)) + 1).astype(int)
    sums = np.add.reduceat(levels, edges[:-1], axis=0)
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
