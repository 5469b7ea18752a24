"""Labels of what was taken of a clip, where it is known when in the clip something is forged."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avfake.clips.sample import Sampled

Stretch = tuple[float, float, str]
"""Start and end in seconds of the file, and what is forged there: face, voice or both."""


@dataclass(frozen=True)
class SampleLabels:
    """What the crops and windows that were taken show."""

    labels: tuple[float, float, float]
    """overall, face, voice; of a fake of which nothing forged was taken, 0."""
    forged_frames: np.ndarray
    """float32 [T]: times the label of the face, the label of each crop."""
    forged_windows: np.ndarray
    """float32 [W]: times the label of the voice, the label of each window."""


def sample_labels(
    labels: tuple[float, float, float],
    stretches: Sequence[Stretch],
    sampled: Sampled,
) -> SampleLabels:
    """The labels of a clip for what was taken of it.

    A crop is forged if its moment lies in a stretch, a window if it shares any of one. Where no
    stretch is named for a forged stream nothing is known of when, and all of it counts as forged.

    Args:
        labels: of the whole clip
    """
    moments = sampled.crop_seconds
    starts, ends = sampled.window_spans.T
    face, frames = _seen(labels[1], _of("face", stretches), moments, moments)
    voice, windows = _seen(labels[2], _of("voice", stretches), starts, ends)
    overall = labels[0]
    if labels[1:] != (face, voice):
        overall = max(face, voice)
    return SampleLabels((overall, face, voice), frames, windows)


def _of(stream: str, stretches: Sequence[Stretch]) -> list[Stretch]:
    return [one for one in stretches if one[2] in (stream, "both")]


def _seen(
    label: float, stretches: Sequence[Stretch], starts: np.ndarray, ends: np.ndarray
) -> tuple[float, np.ndarray]:
    """The label of the stream as far as it was taken, and the share of it for each item."""
    everything = np.ones(len(starts), np.float32)
    if not label or not stretches or not len(starts):
        return label, everything
    inside = np.zeros(len(starts), bool)
    for start, end, _ in stretches:
        inside |= (starts <= end) & (ends >= start)
    # With nothing forged in it the sample is genuine, as a whole and for whatever is done to it.
    return (label, inside.astype(np.float32)) if inside.any() else (0.0, everything)
