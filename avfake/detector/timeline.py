"""Forged segments of a face or a voice, found in its scores over time.

Faces are scored in sampled frames, sound in windows that overlap. Both first become a timeline:
pieces of time in order, each with one score. Segments follow from it by hysteresis.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from avfake.errors import ConfigError
from avfake.verdict import FaceScore, Segment, VoiceScore


@dataclass(frozen=True)
class SegmentConfig:
    """When a part of a timeline is called forged. Its scores are uncalibrated."""

    start_threshold: float = 0.6
    """A segment has a score of at least this somewhere..."""
    end_threshold: float = 0.4
    """...and goes on for as long as scores are at least this: one doubtful frame ends nothing."""
    min_seconds: float = 0.3
    """Shorter segments are taken for noise, unless the whole timeline is that short."""
    max_gap_seconds: float = 0.3
    """Segments that are no farther apart are merged."""

    def __post_init__(self) -> None:
        if not 0 <= self.end_threshold <= self.start_threshold <= 1:
            raise ConfigError(
                f"start_threshold is {self.start_threshold} and end_threshold "
                f"{self.end_threshold}; allowed: 0 <= end <= start <= 1"
            )
        if self.min_seconds < 0 or self.max_gap_seconds < 0:
            raise ConfigError(f"min_seconds and max_gap_seconds must not be negative, got {self}")


DEFAULT = SegmentConfig()


def face_segments(
    frames: Sequence[FaceScore], config: SegmentConfig = DEFAULT
) -> tuple[Segment, ...]:
    """Return where a face is forged, from its scores in sampled frames."""
    seconds = [face.seconds for face in frames]
    return find_segments(around_instants(seconds, [face.p_fake for face in frames]), config)


def voice_segments(
    windows: Sequence[VoiceScore], config: SegmentConfig = DEFAULT
) -> tuple[Segment, ...]:
    """Return where the voice is forged, from its scores in overlapping windows."""
    spans = [(window.start_seconds, window.end_seconds) for window in windows]
    return find_segments(under_windows(spans, [window.p_fake for window in windows]), config)


def within_spans(
    segments: Sequence[Segment],
    spans: Sequence[Sequence[float]],
    config: SegmentConfig = DEFAULT,
) -> tuple[Segment, ...]:
    """Return the parts of the segments that lie in spans of the file, such as those with speech.

    A window reaches over the pauses that were left out of it, and they are not forged. Gaps of up
    to `max_gap_seconds` between spans are bridged; what is left of a segment keeps its score.
    """
    joined = _bridge(spans, config.max_gap_seconds)
    parts = [
        (max(start, one.start_seconds), min(end, one.end_seconds), one.score)
        for one in segments
        for start, end in joined
    ]
    return tuple(Segment(round(a, 3), round(b, 3), score) for a, b, score in parts if a < b)


def around_instants(seconds: Sequence[float], scores: Sequence[float]) -> list[Segment]:
    """Return a timeline in which each score holds half-way to the instants beside it.

    Sampled frames lie in the middle of equal parts of the file, so the first and the last
    reach as far outwards as inwards. A single instant has no duration: the result is empty.
    """
    if len(seconds) < 2:
        return []
    order = np.argsort(seconds, kind="stable")
    times, values = np.asarray(seconds, np.float64)[order], np.asarray(scores, np.float64)[order]
    middles = (times[1:] + times[:-1]) / 2
    edges = [max(0.0, 2 * times[0] - middles[0]), *middles, 2 * times[-1] - middles[-1]]
    pieces = zip(pairwise(edges), values, strict=True)
    return [Segment(float(start), float(end), float(score)) for (start, end), score in pieces]


def under_windows(spans: Sequence[tuple[float, float]], scores: Sequence[float]) -> list[Segment]:
    """Return a timeline of the pieces between the edges of windows, each with the lowest score of
    the windows that cover it.

    A window is labelled forged if it overlaps a forged segment, so its score is that of its most
    forged instant. The minimum over the covering windows is the highest timeline that agrees with
    that: windows that only touch a segment do not lengthen it, as they would with a mean. Time
    that no window covers is left out.
    """
    starts, ends = (np.array([span[side] for span in spans], np.float64) for side in (0, 1))
    values = np.asarray(scores, np.float64)
    pieces = []
    for start, end in pairwise(np.unique(np.concatenate([starts, ends]).round(3)).tolist()):
        middle = (start + end) / 2
        covering = (starts <= middle) & (middle <= ends)
        if covering.any():
            pieces.append(Segment(start, end, float(values[covering].min())))
    return pieces


def find_segments(
    timeline: Sequence[Segment], config: SegmentConfig = DEFAULT
) -> tuple[Segment, ...]:
    """Find the forged segments of a timeline by hysteresis, in order of time.

    The score of a segment is the mean over its time, bridged gaps included. Times are rounded to
    milliseconds.
    """
    high = [
        (piece.start_seconds, piece.end_seconds)
        for piece in timeline
        if piece.score >= config.end_threshold
    ]
    spans = [
        span
        for span in _bridge(high, 1e-9)
        if max(piece.score for piece in _inside(timeline, span)) >= config.start_threshold
    ]
    if not spans:
        return ()
    merged = _bridge(spans, config.max_gap_seconds + 1e-9)
    whole = timeline[-1].end_seconds - timeline[0].start_seconds
    shortest = min(config.min_seconds, whole) - 1e-9
    return tuple(
        Segment(round(start, 3), round(end, 3), _mean_score(_inside(timeline, (start, end))))
        for start, end in merged
        if end - start >= shortest
    )


def _bridge(spans: Iterable[Sequence[float]], gap: float) -> list[tuple[float, float]]:
    """Merge spans, in order of time, that are no farther apart than `gap`."""
    merged: list[tuple[float, float]] = []
    for start, end in spans:
        if merged and start - merged[-1][1] <= gap:
            start = merged.pop()[0]
        merged.append((start, end))
    return merged


def _inside(timeline: Sequence[Segment], span: tuple[float, float]) -> list[Segment]:
    return [piece for piece in timeline if span[0] <= piece.start_seconds < span[1]]


def _mean_score(pieces: Sequence[Segment]) -> float:
    lengths = [piece.end_seconds - piece.start_seconds for piece in pieces]
    mean = np.average([piece.score for piece in pieces], weights=lengths)
    return round(float(mean), 4)
