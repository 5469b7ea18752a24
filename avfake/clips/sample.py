"""Sampling of a clip for one pass of a model: crops and windows of sound, drawn or tiled.

Labels of what was taken of it, where it is known when in the clip something is forged.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch

from avfake.clips.archive import Clip
from avfake.clips.config import ClipConfig
from avfake.faces import CropConfig
from avfake.labels import ForgedSegment, Labels, Part
from avfake.media import Waveform

MIN_WINDOWS = 4
"""Least number of windows of a sound: the mean over several depends less on where they start."""


@dataclass(frozen=True)
class SampleConfig:
    """How many crops and windows of a clip a model gets at once."""

    num_frames: int | None = None
    """Crops over all persons; None = every crop."""
    num_windows: int | None = None
    """Windows of sound; None = as many as cover the sound at half-window steps, at least
    `MIN_WINDOWS`."""
    window_seconds: float = 2.0
    use_visual: bool = True
    use_audio: bool = True
    crop_sound_seconds: float = 0.0
    """Length of the sound around each crop, for the sync branch; 0 = none."""
    crop: CropConfig = field(default_factory=CropConfig)
    """How the crops were cut, to compute the landmarks in them."""


@dataclass(frozen=True)
class InputSpec:
    """How a file becomes a clip, and a clip the input of a model, in training and prediction."""

    clip: ClipConfig = field(default_factory=ClipConfig)
    num_frames: int | None = None
    """Crops drawn from a clip each time it is seen in training; None = all."""
    num_windows: int | None = None
    """Windows of sound drawn from a clip each time it is seen in training; None = all."""
    window_seconds: float = 2.0

    def drawn(self) -> SampleConfig:
        """Return how training draws from a clip."""
        numbers = (self.num_frames, self.num_windows, self.window_seconds)
        return SampleConfig(*numbers, crop=self.clip.crop)

    def whole(self, *, use_visual: bool = True, use_audio: bool = True) -> SampleConfig:
        """Return how all of a clip is shown, for a prediction."""
        streams = (use_visual, use_audio)
        return SampleConfig(None, None, self.window_seconds, *streams, crop=self.clip.crop)


@dataclass(frozen=True)
class ClipArrays:
    """Crops and sound taken of one clip. The arrays are never written to, only replaced."""

    faces: np.ndarray
    """uint8 [T, S, S, 3] RGB; T = 0 without a face."""
    landmarks: np.ndarray
    """float32 [T, 5, 2] x, y px of the crop: left and right eye, nose, left and right mouth corner
    (left and right as seen in the picture)."""
    persons: np.ndarray
    """int64 [T], person of each crop."""
    sound: np.ndarray
    """float32 [W, N], windows in [-1, 1]; W = 0 without sound."""
    crop_sound: np.ndarray
    """float32 [T, M], the sound around each crop, its time in the middle; zeros beyond the ends of
    the sound. M = 0 without sound or if it was not asked for."""
    sample_rate: int
    """Hz of all sound; 0 without sound."""

    def item(self) -> dict[str, Any]:
        """Return the arrays as `collate` takes them: tensors by name, faces [T, 3, S, S]."""
        names = ("landmarks", "persons", "sound", "crop_sound")
        arrays = {name: getattr(self, name) for name in names}
        arrays["faces"] = self.faces.transpose(0, 3, 1, 2)
        return {name: torch.from_numpy(array) for name, array in arrays.items()}


@dataclass(frozen=True)
class Sampled(ClipArrays):
    """Arrays of one clip, and the origin of each of their rows."""

    picks: list[tuple[int, int]]
    """[T] (person, position) of each crop."""
    crop_seconds: np.ndarray
    """float32 [T] of the file."""
    window_spans: np.ndarray
    """float32 [W, 2], start and end of each window in seconds of the file, pauses included."""

    @classmethod
    def of(
        cls, clip: Clip, config: SampleConfig, generator: np.random.Generator | None = None
    ) -> "Sampled":
        """Return crops and windows of a clip: random with a generator, evenly spread without."""
        with clip.opened():
            picks = _pick_crops(clip, config, generator) if config.use_visual else []
            crops = [clip.crop(person, position) for person, position in picks]
            waveform = clip.waveform() if config.use_audio else None
        meta = clip.meta
        frames = [meta.persons[person].frame_indices[position] for person, position in picks]
        seconds = np.array([meta.frame_seconds[frame] for frame in frames], np.float32)
        timeline = Timeline(meta.speech_spans)
        spans, sound = np.zeros((0, 2), np.float32), np.zeros((0, 0), np.float32)
        if waveform is not None:
            spans, sound = _cut_windows(waveform, timeline, config, generator)
        faces = np.stack(crops) if crops else np.zeros((0, 0, 0, 3), np.uint8)
        return cls(
            faces=faces,
            landmarks=_landmarks_of(clip, picks, config.crop, side=faces.shape[1]),
            persons=np.array([person for person, _ in picks], np.int64),
            sound=sound,
            crop_sound=_sound_around(seconds, waveform, timeline, config.crop_sound_seconds),
            sample_rate=0 if waveform is None else waveform.sample_rate,
            picks=picks,
            crop_seconds=seconds,
            window_spans=spans,
        )

    def labels(
        self, labels: Labels, segments: Sequence[ForgedSegment]
    ) -> tuple[Labels, np.ndarray, np.ndarray]:
        """Return the labels of a clip for what was taken of it: of all of it, of crops, of windows.

        The first are 0 for a fake of which nothing forged was taken. The others, float32 [T] and
        [W], are to be multiplied by the label of the face, and by that of the voice.

        A crop is forged if its moment lies in a segment, a window if it overlaps one. Where no
        segment is named for a forged stream nothing is known of when, and all of it counts as
        forged.

        Args:
            labels: of the whole clip
        """
        moments = self.crop_seconds
        starts, ends = self.window_spans.T
        face, frames = _seen("face", labels.face, segments, moments, moments)
        voice, windows = _seen("voice", labels.voice, segments, starts, ends)
        overall = labels.overall
        if (labels.face, labels.voice) != (face, voice):
            overall = max(face, voice)
        return Labels(overall, face, voice), frames, windows


class Timeline:
    """Conversion between seconds of a file and seconds of its kept sound."""

    def __init__(self, spans: Sequence[Sequence[float]]) -> None:
        """spans: start and end in the file of each piece of the kept sound, in order of time."""
        self.starts, self.ends = np.array(spans, np.float64).reshape(-1, 2).T
        self.kept = np.concatenate([[0.0], np.cumsum(self.ends - self.starts)])
        """Starts of the pieces in the kept sound, and its end."""

    def to_file(self, seconds: np.ndarray, *, end: bool = False) -> np.ndarray:
        """Return the seconds of the file for seconds of the kept sound, any shape.

        end: where one span meets the next, take the end of the first instead of the start of the
            second.
        """
        seconds = np.asarray(seconds, np.float64)
        if not len(self.starts):
            return seconds
        at = np.searchsorted(self.kept[1:-1], seconds, side="left" if end else "right")
        return self.starts[at] + seconds - self.kept[at]

    def to_kept(self, seconds: np.ndarray) -> np.ndarray:
        """Return the seconds of the kept sound for seconds of the file, NaN where none was kept."""
        seconds = np.asarray(seconds, np.float64)
        if not len(self.starts):
            return np.full(seconds.shape, np.nan)
        at = np.searchsorted(self.starts, seconds, side="right") - 1
        inside = (at >= 0) & (seconds < self.ends[at])
        return np.where(inside, self.kept[at] + seconds - self.starts[at], np.nan)


def _pick_crops(
    clip: Clip, config: SampleConfig, generator: np.random.Generator | None
) -> list[tuple[int, int]]:
    every = [
        (person, position)
        for person, track in enumerate(clip.meta.persons)
        for position in range(len(track.frame_indices))
    ]
    return [every[i] for i in _choose(len(every), config.num_frames, generator)]


def _landmarks_of(
    clip: Clip, picks: list[tuple[int, int]], config: CropConfig, *, side: int
) -> np.ndarray:
    cut = replace(config, size_px=side) if picks else config
    placed = [person.as_track().landmarks_in_crops(cut) for person in clip.meta.persons]
    rows = [placed[person][position] for person, position in picks]
    return np.stack(rows) if rows else np.zeros((0, 5, 2), np.float32)


def _sound_around(
    seconds: np.ndarray, waveform: Waveform | None, timeline: Timeline, length_seconds: float
) -> np.ndarray:
    if waveform is None or not length_seconds or not len(seconds):
        return np.zeros((len(seconds), 0), np.float32)
    rate, samples = waveform.sample_rate, waveform.samples
    length = round(length_seconds * rate)
    starts = np.round(seconds * rate).astype(int) - length // 2
    # The middle of a sample, so that rounding cannot move it over the edge of a span.
    kept = timeline.to_kept((starts[:, None] + np.arange(length) + 0.5) / rate)
    inside = ~np.isnan(kept)
    indices = np.where(inside, kept * rate, 0).astype(int).clip(0, len(samples) - 1)
    return np.where(inside, samples[indices], np.float32(0))


def _cut_windows(
    waveform: Waveform,
    timeline: Timeline,
    config: SampleConfig,
    generator: np.random.Generator | None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return spans in the file [W, 2] and samples [W, N] of windows over the kept sound."""
    rate, samples = waveform.sample_rate, waveform.samples
    length, spoken = round(config.window_seconds * rate), len(samples)
    # Short sound is repeated, not padded: a block of zeros would be a cue.
    is_short = spoken <= length
    last = spoken - 1 if is_short else spoken - length
    if generator is not None and config.num_windows is not None:
        starts = np.sort(generator.integers(0, last + 1, config.num_windows))
    else:
        count = max(MIN_WINDOWS, 1 + -(-(spoken - length) // (length // 2)))
        tiled = np.linspace(0, last, count, endpoint=not is_short).round().astype(int)
        starts = tiled[_choose(count, config.num_windows, None)]
    around = np.resize(samples, spoken + length) if is_short else samples
    windows = np.stack([around[start : start + length] for start in starts])
    firsts, lasts = (0 * starts, 0 * starts + spoken) if is_short else (starts, starts + length)
    ends = timeline.to_file(lasts / rate, end=True)
    spans = np.stack([timeline.to_file(firsts / rate), ends], axis=1)
    return spans.astype(np.float32), windows


def _choose(
    available: int, wanted: int | None, generator: np.random.Generator | None
) -> np.ndarray:
    if wanted is None or available <= wanted:
        return np.arange(available)
    if generator is not None:
        return np.sort(generator.choice(available, wanted, replace=False))
    return np.linspace(0, available - 1, wanted).round().astype(int)


def _seen(
    part: Part,
    label: float,
    segments: Sequence[ForgedSegment],
    starts: np.ndarray,
    ends: np.ndarray,
) -> tuple[float, np.ndarray]:
    """Return the label of the stream as far as it was taken, and the share of it for each item."""
    everything = np.ones(len(starts), np.float32)
    spans = [(start, end) for start, end, stream in segments if stream in (part, "both")]
    if not label or not spans or not len(starts):
        return label, everything
    inside = np.any([(starts <= end) & (ends >= start) for start, end in spans], axis=0)
    # With nothing forged in it the sample is genuine, as a whole and for whatever is done to it.
    return (label, inside.astype(np.float32)) if inside.any() else (0.0, everything)
