"""Tracks of persons from the faces of single frames."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avfake.errors import check_ranges
from avfake.faces.cropping import FaceTrack
from avfake.faces.types import Detections

FORBIDDEN = 1e6


@dataclass(frozen=True)
class TrackConfig:
    """When faces of two frames belong to one person. Lengths are in box sides, times in frames.

    Sampled frames are often a second apart, so a face may have moved by its own size and boxes
    need not overlap: centres and sizes are compared.
    """

    max_shift: float = 1.25
    """Largest movement of a centre from one sampled frame to the next, in box sides."""
    max_size_ratio: float = 2.0
    """Largest change of the side from one sampled frame to the next."""
    max_gap_share: float = 0.5
    """Longest gap that is filled, as a share of the sampled frames."""
    min_share: float = 0.2
    """Tracks found in a smaller share of the sampled frames are dropped as false..."""
    brief_confidence: float = 0.95
    """...unless they are found at least twice with this mean confidence: in an edited video a
    person may be visible briefly. One found once is kept with it if no other track is left."""
    max_overlap: float = 0.6
    """Two boxes of a frame are one face if they share more than this part of the smaller one."""

    def __post_init__(self) -> None:
        shares = ("max_gap_share", "min_share", "brief_confidence", "max_overlap")
        intervals = {"max_shift": "(0, inf)", "max_size_ratio": "[1, inf)"}
        check_ranges(self, "track", **intervals, **dict.fromkeys(shares, "[0, 1]"))


Trail = list[int]
"""A track under construction: the numbers of its faces in `_Faces`, at most one a frame, in order
of time."""


class _Faces:
    """The faces of all frames, numbered through."""

    def __init__(self, detections: Sequence[Detections]) -> None:
        self.frames = np.repeat(np.arange(len(detections)), [len(found) for found in detections])
        """int [M], the frame in which each lies."""
        self.boxes, confidences, self.landmarks = (
            np.concatenate([getattr(found, name) for found in detections])
            for name in ("boxes", "confidences", "landmarks")
        )
        self.confidences = confidences.astype(np.float64)
        low, high = self.boxes[:, :2], self.boxes[:, 2:]
        self.centres = (low + high) / 2
        self.areas = np.prod(high - low, axis=1).clip(0).astype(np.float64)
        self.sides = np.sqrt(self.areas)
        """float64 [M] px, of the square of the same area."""

    def distinct(self, frame: int, max_overlap: float) -> list[int]:
        """Return the faces of a frame, most confident first, without further boxes on one face."""
        there = np.flatnonzero(self.frames == frame)
        kept: list[int] = []
        for face in there[np.argsort(-self.confidences[there], kind="stable")].tolist():
            if (self._overlaps(face, kept) <= max_overlap).all():
                kept.append(face)
        return kept

    def _overlaps(self, face: int, others: list[int]) -> np.ndarray:
        """Return the areas that a face shares with others, over the smaller area of the two."""
        box, boxes = self.boxes[face], self.boxes[others]
        shared = np.minimum(box[2:], boxes[:, 2:]) - np.maximum(box[:2], boxes[:, :2])
        smaller = np.minimum(self.areas[face], self.areas[others]).clip(1e-6)
        return np.asarray(np.prod(shared.clip(0), axis=1) / smaller)

    def costs(self, trails: list[Trail], faces: list[int], config: TrackConfig) -> np.ndarray:
        """Return float64 [trails, faces], by how badly each face of a frame continues each trail.

        Half of the last movement is expected to go on: separates crossing persons, ignores jitter.
        """
        last, before = (np.array([trail[-n:][0] for trail in trails]) for n in (1, 2))
        steps = (self.frames[last] - self.frames[before]).clip(1)
        ahead = 0.5 * (self.frames[faces[0]] - self.frames[last]) / steps
        moves = (self.centres[last] - self.centres[before]) * ahead[:, None]
        sides = self.sides[last][:, None], self.sides[faces]
        ratios = np.maximum(*sides) / np.minimum(*sides).clip(1e-6)
        shifts, surprises = (
            np.linalg.norm(self.centres[faces] - centres[:, None], axis=2) / (sum(sides) / 2)
            for centres in (self.centres[last], self.centres[last] + moves)
        )
        is_near = np.minimum(shifts, surprises) <= config.max_shift
        fits = is_near & (ratios <= config.max_size_ratio)
        return np.where(fits, surprises + np.log(ratios), FORBIDDEN)


def track_faces(
    detections: Sequence[Detections], config: TrackConfig | None = None
) -> list[FaceTrack]:
    """Return one track for each person, most prominent first; gaps are interpolated linearly.

    Only positions and sizes are compared: after a cut, another face at the same position continues
    the track.
    """
    if not len(detections):
        return []
    config, faces = config or TrackConfig(), _Faces(detections)
    max_gap = max(1, math.ceil(config.max_gap_share * len(detections)))
    trails: list[Trail] = []
    for frame in range(len(detections)):
        free = faces.distinct(frame, config.max_overlap)
        active = [trail for trail in trails if frame - faces.frames[trail[-1]] <= max_gap]
        if active and free:
            costs = faces.costs(active, free, config)
            pairs = [
                (active[i], free[j]) for i, j in cheapest_pairs(costs) if costs[i, j] < FORBIDDEN
            ]
            for trail, face in pairs:
                trail.append(face)
                free.remove(face)
        trails += [[face] for face in free]
    kept = _credible(trails, faces, config.min_share * len(detections), config.brief_confidence)
    return [_bridged(faces, trail, person_id) for person_id, trail in enumerate(kept)]


def cheapest_pairs(costs: np.ndarray) -> list[tuple[int, int]]:
    """Return the pairs of a row and a column that cost least together, each used at most once."""
    if min(costs.shape) == 1:  # most frames: one person, and SciPy takes half a second to import
        row, column = np.unravel_index(costs.argmin(), costs.shape)
        return [(int(row), int(column))]
    from scipy.optimize import linear_sum_assignment

    rows, columns = linear_sum_assignment(costs)
    return list(zip(rows.tolist(), columns.tolist(), strict=True))


def _credible(
    trails: list[Trail], faces: _Faces, needed: float, brief_confidence: float
) -> list[Trail]:
    """Return the trails that are kept, by area times confidence, summed over the frames."""
    weights = faces.areas * faces.confidences
    ordered = sorted(trails, key=lambda trail: -weights[trail].sum())
    kept = [
        trail
        for trail in ordered
        if len(trail) >= needed
        or (len(trail) > 1 and faces.confidences[trail].mean() >= brief_confidence)
    ]
    lone = [trail for trail in ordered if faces.confidences[trail].max() >= brief_confidence][:1]
    return kept or lone


def _bridged(faces: _Faces, trail: Trail, person_id: int) -> FaceTrack:
    found = faces.frames[trail]
    indices = np.arange(found[0], found[-1] + 1)
    confidences = np.zeros(len(indices), np.float32)
    confidences[found - found[0]] = faces.confidences[trail]
    return FaceTrack(
        person_id=person_id,
        frame_indices=indices.astype(np.int64),
        boxes=_between(indices, found, faces.boxes[trail]),
        confidences=confidences,
        landmarks=_between(indices, found, faces.landmarks[trail]),
    )


def _between(at: np.ndarray, known_at: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return float32 [len(at), ...]: each number of `known` interpolated separately."""
    columns = known.reshape(len(known), -1).T
    filled = np.stack([np.interp(at, known_at, column) for column in columns], axis=1)
    return filled.reshape(len(at), *known.shape[1:]).astype(np.float32)
