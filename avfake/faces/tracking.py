"""Tracks of persons from the faces of single frames."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from scipy.optimize import linear_sum_assignment

from avfake.errors import check_ranges
from avfake.faces.types import Detections, FaceTrack

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


@dataclass
class _Trail:
    """A track under construction: the frames in which a face was found, and its detections."""

    indices: list[int] = field(default_factory=list)
    boxes: list[np.ndarray] = field(default_factory=list)
    confidences: list[float] = field(default_factory=list)
    landmarks: list[np.ndarray] = field(default_factory=list)

    def add(self, index: int, found: Detections, which: int) -> None:
        self.indices.append(index)
        self.boxes.append(found.boxes[which])
        self.confidences.append(float(found.confidences[which]))
        self.landmarks.append(found.landmarks[which])

    def expected_centre(self, index: int) -> np.ndarray:
        """Predict by half of the last movement: separates crossing persons, ignores jitter."""
        last = _centre(self.boxes[-1])
        if len(self.boxes) < 2:
            return last
        step = (last - _centre(self.boxes[-2])) / (self.indices[-1] - self.indices[-2])
        return last + 0.5 * step * (index - self.indices[-1])

    @property
    def prominence(self) -> float:
        """Area times confidence, summed over the frames."""
        sides = np.array([_side(box) for box in self.boxes])
        return float((sides**2 * np.array(self.confidences)).sum())


def track_faces(
    detections: Sequence[Detections], config: TrackConfig | None = None
) -> list[FaceTrack]:
    """Return one track for each person, most prominent first; gaps are interpolated linearly.

    Only positions and sizes are compared: after a cut, another face at the same position continues
    the track.
    """
    config = config or TrackConfig()
    max_gap = max(1, math.ceil(config.max_gap_share * len(detections)))
    trails: list[_Trail] = []
    for index, found in enumerate(detections):
        free = _distinct(found, config.max_overlap)
        active = [trail for trail in trails if index - trail.indices[-1] <= max_gap]
        for trail, which in _pairs(active, found, free, index, config=config):
            trail.add(index, found, which)
            free.remove(which)
        for which in free:
            trails.append(_Trail())
            trails[-1].add(index, found, which)
    kept = _credible(trails, len(detections), config)
    return [_bridged(trail, person_id) for person_id, trail in enumerate(kept)]


def _pairs(
    trails: list[_Trail], found: Detections, free: list[int], index: int, *, config: TrackConfig
) -> list[tuple[_Trail, int]]:
    """Assign faces to tracks with the least total cost over the frame."""
    if not trails or not free:
        return []
    boxes = found.boxes[free]
    costs = np.array([[_cost(trail, box, index, config) for box in boxes] for trail in trails])
    pairs = zip(*linear_sum_assignment(costs), strict=True)
    return [(trails[row], free[column]) for row, column in pairs if costs[row, column] < FORBIDDEN]


def _cost(trail: _Trail, box: np.ndarray, index: int, config: TrackConfig) -> float:
    last = trail.boxes[-1]
    side = (_side(last) + _side(box)) / 2
    ratio = max(_side(box), _side(last)) / max(1e-6, min(_side(box), _side(last)))
    shift = float(np.linalg.norm(_centre(box) - _centre(last))) / side
    surprise = float(np.linalg.norm(_centre(box) - trail.expected_centre(index))) / side
    if ratio > config.max_size_ratio or min(shift, surprise) > config.max_shift:
        return FORBIDDEN
    return surprise + math.log(ratio)


def _distinct(found: Detections, max_overlap: float) -> list[int]:
    """Return indices of faces, most confident first, without further boxes on the same face."""
    kept: list[int] = []
    for which in np.argsort(-found.confidences, kind="stable").tolist():
        if all(_overlap(found.boxes[which], found.boxes[k]) <= max_overlap for k in kept):
            kept.append(which)
    return kept


def _credible(trails: list[_Trail], num_frames: int, config: TrackConfig) -> list[_Trail]:
    ordered = sorted(trails, key=lambda trail: -trail.prominence)
    needed = config.min_share * num_frames
    kept = [
        trail
        for trail in ordered
        if len(trail.indices) >= needed
        or (len(trail.indices) > 1 and np.mean(trail.confidences) >= config.brief_confidence)
    ]
    lone = [t for t in ordered if max(t.confidences) >= config.brief_confidence][:1]
    return kept or lone


def thin_tracks(tracks: Sequence[FaceTrack], max_crops: int) -> list[FaceTrack]:
    """Return the tracks with no more than `max_crops` boxes in all, each evenly thinned.

    Every person keeps an equal share of what is allowed, and at least one box.
    """
    excess = sum(map(len, tracks)) > max_crops
    share = max(1, max_crops // max(1, len(tracks)))
    return [_thinned(track, share) if excess else track for track in tracks]


def _thinned(track: FaceTrack, count: int) -> FaceTrack:
    if len(track) <= count:
        return track
    return track.rows(((np.arange(count) + 0.5) * len(track) / count).astype(int))


def _bridged(trail: _Trail, person_id: int) -> FaceTrack:
    found = np.array(trail.indices)
    indices = np.arange(found[0], found[-1] + 1)
    confidences = np.zeros(len(indices), np.float32)
    confidences[found - found[0]] = trail.confidences
    return FaceTrack(
        person_id=person_id,
        frame_indices=indices.astype(np.int64),
        boxes=_between(indices, found, np.stack(trail.boxes)),
        confidences=confidences,
        landmarks=_between(indices, found, np.stack(trail.landmarks)),
    )


def _between(at: np.ndarray, known_at: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Return float32 [len(at), ...]: each number of `known` interpolated separately."""
    columns = known.reshape(len(known), -1).T
    filled = np.stack([np.interp(at, known_at, column) for column in columns], axis=1)
    return filled.reshape(len(at), *known.shape[1:]).astype(np.float32)


def _centre(box: np.ndarray) -> np.ndarray:
    return (box[:2] + box[2:]) / 2


def _side(box: np.ndarray) -> float:
    """Return the side of the square of the same area, px."""
    return math.sqrt(max(0.0, float(np.prod(box[2:] - box[:2]))))


def _overlap(box: np.ndarray, other: np.ndarray) -> float:
    """Return the shared area over the smaller area."""
    low, high = np.maximum(box[:2], other[:2]), np.minimum(box[2:], other[2:])
    shared = float(np.prod(np.maximum(0, high - low)))
    return shared / max(1e-6, min(_side(box), _side(other)) ** 2)
