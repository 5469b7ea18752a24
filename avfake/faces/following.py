"""Faces of a clip from a full search of few frames, followed and verified in those between.

A frame between two searched ones is looked at where their faces would be after a steady movement,
and everywhere for large faces. It is searched as well if not just the expected faces are confirmed
there; if two searched frames differ in their faces, the middle between them is searched. What is
lost: small faces that no searched frame has.
"""

from itertools import pairwise
from typing import Protocol

import numpy as np

from avfake.faces.tracking import cheapest_pairs
from avfake.faces.types import Detections

MAX_SHIFT, MAX_SIZE_RATIO = 1.25, 1.6
"""Between a face of one frame and that of the next searched one, or between an expected and a
confirmed face: distance of the centres in sides, and ratio of the sides."""
FORBIDDEN = 1e6


class Search(Protocol):
    """What finds faces in frames of one clip, given by their indices."""

    def everywhere(self, indices: list[int]) -> list[Detections]:
        """Return all faces of each frame."""
        ...

    def near(self, indices: list[int], expected: list[np.ndarray]) -> list[Detections]:
        """Return the faces near expected boxes [E, 4] of each frame, and large ones anywhere."""
        ...


def search_clip(count: int, every: int, search: Search) -> list[Detections]:
    """Return the faces of each of `count` frames, of which at least each `every`-th is searched."""
    keys = sorted({*range(0, count, every), count - 1}) if count else []
    found = dict(zip(keys, search.everywhere(keys), strict=True))
    gaps = list(pairwise(keys))
    while gaps := [(first, last) for first, last in gaps if last - first > 1]:
        expected: dict[int, np.ndarray] = {}
        searched: set[int] = set()
        for first, last in gaps:
            partners = paired(found[first].boxes, found[last].boxes)
            if partners is None:
                searched.add((first + last) // 2)
                continue
            start, end = found[first].boxes, found[last].boxes[partners]
            for index in range(first + 1, last):
                if index not in found:
                    share = np.float32((index - first) / (last - first))
                    expected[index] = start + share * (end - start)
        seen = search.near(list(expected), list(expected.values()))
        for (index, boxes), faces in zip(expected.items(), seen, strict=True):
            if paired(boxes, faces.boxes) is None:
                searched.add(index)
            else:
                found[index] = faces
        again = sorted(searched)
        found.update(zip(again, search.everywhere(again), strict=True))
        gaps = [gap for ends in gaps if searched & set(range(*ends)) for gap in _parts(ends, again)]
    return [found[index] for index in range(count)]


def _parts(ends: tuple[int, int], searched: list[int]) -> list[tuple[int, int]]:
    """Return what searched frames between the ends of a gap divide it into."""
    first, last = ends
    return list(pairwise([first, *(i for i in searched if first < i < last), last]))


def paired(boxes: np.ndarray, others: np.ndarray) -> np.ndarray | None:
    """Return the index in `others` of each of `boxes`; None unless the two hold the same faces.

    boxes, others: float32 [K, 4] and [L, 4].
    """
    if len(boxes) != len(others):
        return None
    middles, sides = zip(
        *((_middles(given), _sides(given)) for given in (boxes, others)), strict=True
    )
    shifts = np.linalg.norm(middles[0][:, None] - middles[1], axis=2)
    shifts = shifts / ((sides[0][:, None] + sides[1]) / 2)
    ratios = np.abs(np.log(sides[0][:, None] / sides[1]))
    is_near = (shifts <= MAX_SHIFT) & (ratios <= np.log(MAX_SIZE_RATIO))
    costs = np.where(is_near, shifts + ratios, FORBIDDEN)
    pairs = cheapest_pairs(costs)
    if any(costs[pair] == FORBIDDEN for pair in pairs):
        return None
    return np.array([partner for _, partner in sorted(pairs)], np.int64)


def _middles(boxes: np.ndarray) -> np.ndarray:
    return (boxes[:, :2] + boxes[:, 2:]) / 2


def _sides(boxes: np.ndarray) -> np.ndarray:
    """Return float [K] px, of the square of the same area."""
    sides: np.ndarray = np.sqrt(np.prod(boxes[:, 2:] - boxes[:, :2], axis=1).clip(1e-6))
    return sides
