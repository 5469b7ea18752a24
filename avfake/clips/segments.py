"""Labels of what was taken of a clip, where it is known when in the clip something is forged."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avfake.clips.sample import Sampled
from avfake.labels import ForgedSegment, Labels, Part


@dataclass(frozen=True)
class SampleLabels:
    """What the crops and windows that were taken show."""

    labels: Labels
    """0 for a fake of which nothing forged was taken."""
    forged_frames: np.ndarray
    """float32 [T]: times the label of the face, the label of each crop."""
    forged_windows: np.ndarray
    """float32 [W]: times the label of the voice, the label of each window."""


def sample_labels(
    labels: Labels,
    segments: Sequence[ForgedSegment],
    sampled: Sampled,
) -> SampleLabels:
    """The labels of a clip for what was taken of it.

    A crop is forged if its moment lies in a segment, a window if it overlaps one. Where no
    segment is named for a forged stream nothing is known of when, and all of it counts as forged.

    Args:
        labels: of the whole clip
    """
    moments = sampled.crop_seconds
    starts, ends = sampled.window_spans.T
    face, frames = _seen(labels.face, _forged("face", segments), moments, moments)
    voice, windows = _seen(labels.voice, _forged("voice", segments), starts, ends)
    overall = labels.overall
    if (labels.face, labels.voice) != (face, voice):
        overall = max(face, voice)
    return SampleLabels(Labels(overall, face, voice), frames, windows)


def _forged(part: Part, segments: Sequence[ForgedSegment]) -> list[ForgedSegment]:
    return [segment for segment in segments if segment.stream in (part, "both")]


def _seen(
    label: float, segments: Sequence[ForgedSegment], starts: np.ndarray, ends: np.ndarray
) -> tuple[float, np.ndarray]:
    """Return the label of the stream as far as it was taken, and the share of it for each item."""
    everything = np.ones(len(starts), np.float32)
    if not label or not segments or not len(starts):
        return label, everything
    inside = np.zeros(len(starts), bool)
    for start, end, _ in segments:
        inside |= (starts <= end) & (ends >= start)
    # With nothing forged in it the sample is genuine, as a whole and for whatever is done to it.
    return (label, inside.astype(np.float32)) if inside.any() else (0.0, everything)
