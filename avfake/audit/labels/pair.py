"""Comparison of two files in picture and sound, at the same instants of both."""

import io
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path

import numpy as np

from avfake.audit.labels.picture import PictureComparison, PictureConfig, compare_faces
from avfake.audit.labels.sound import SoundComparison, SoundConfig, compare_sound
from avfake.errors import ConfigError, MediaError
from avfake.faces import DetectConfig, make_detector, track_faces
from avfake.media import Frames, MediaInfo, probe, read_frames, read_sound
from avfake.storage import write_whole


@dataclass(frozen=True)
class PairConfig:
    """How a fake is compared with its original."""

    num_frames: int = 16
    """Frames that are compared, evenly spread over what the two have in common."""
    max_people: int = 32
    sound: SoundConfig = field(default_factory=SoundConfig)
    picture: PictureConfig = field(default_factory=PictureConfig)
    detect: DetectConfig = field(default_factory=DetectConfig)

    def __post_init__(self) -> None:
        if self.num_frames < 1 or self.max_people < 1:
            raise ConfigError(f"num_frames and max_people must be at least 1: {self}")


@dataclass(frozen=True)
class PairComparison:
    """The comparison of a fake with its original."""

    picture: PictureComparison
    sound: SoundComparison
    has_audio: bool | None
    """Whether the fake has sound; None where it could not be opened."""
    detail: str = ""


_UNREAD_PICTURE = PictureComparison(None, why="unreadable")
_UNREAD_SOUND = SoundComparison(None, why="unreadable")


def compare_pair(
    fake: str | Path,
    original: str | Path,
    config: PairConfig | None = None,
    *,
    masks: Path | None = None,
) -> PairComparison:
    """Compare picture and sound of a fake with its original's; what cannot be read is unknown.

    masks: where to write the SSIM differences (npz: masks uint8 [T, h, w], seconds [T]).
    """
    config = config or PairConfig()
    has_audio: bool | None = None
    try:
        infos = [probe(fake)]
        has_audio = infos[0].has_audio
        infos.append(probe(original))
    except MediaError as error:
        return PairComparison(_UNREAD_PICTURE, _UNREAD_SOUND, has_audio, str(error))
    paths, details = [fake, original], []
    try:
        sound = _compare_sounds(paths, infos, config.sound)
    except MediaError as error:
        sound = _UNREAD_SOUND
        details.append(str(error))
    try:
        picture, seconds = _compare_pictures(paths, infos, config)
    except MediaError as error:
        picture, seconds = _UNREAD_PICTURE, np.zeros(0)
        details.append(str(error))
    if masks is not None and picture.masks is not None:
        _save(masks, picture.masks, seconds)
    return PairComparison(picture, sound, has_audio, "; ".join(details))


def _compare_sounds(
    paths: Sequence[str | Path], infos: Sequence[MediaInfo], config: SoundConfig
) -> SoundComparison:
    for info, why in zip(infos, ("no_audio", "original_no_audio"), strict=True):
        if not info.has_audio:
            return SoundComparison(None, why=why)
    fake, original = (read_sound(path, config.sample_rate).waveform() for path in paths)
    return compare_sound(fake, original, config)


def _compare_pictures(
    paths: Sequence[str | Path], infos: Sequence[MediaInfo], config: PairConfig
) -> tuple[PictureComparison, np.ndarray]:
    if not all(info.has_video for info in infos):
        return PictureComparison(None, why="no_video"), np.zeros(0)
    if len({(info.width, info.height) for info in infos}) > 1:
        return PictureComparison(None, why="other_size"), np.zeros(0)
    ends = [info.video_end_seconds for info in infos if info.video_end_seconds]
    source = infos[1]
    seconds = replace(source, video_end_seconds=min(ends, default=0.0)).sample_times(
        config.num_frames
    )
    step = 1 / source.fps if source.fps else 0.04
    # The middle of a picture's time on display; at its edge, rounding chooses the picture.
    first = source.video_start_seconds
    seconds = first + (np.floor((seconds - first) / step) + 0.5) * step
    seconds = np.unique(seconds)
    fakes, originals, seconds = _same_instants(paths, seconds, step)
    if not len(seconds):
        return PictureComparison(None, why="too_short"), seconds
    return compare_faces(fakes, originals, _boxes(originals, config), config.picture), seconds


def _same_instants(
    paths: Sequence[str | Path], seconds: np.ndarray, step: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (the fake's pictures, the original's, their times) at these times.

    The original's are one picture earlier or later where that fits better: encoders that drop or
    double the first picture shift all others.
    """
    lags = (0.0, -step, step)
    made = read_frames(paths[0], seconds)
    source = read_frames(paths[1], np.concatenate([seconds + lag for lag in lags]))
    choices = []
    for lag in lags:
        shown = [_shown(made, seconds, step), _shown(source, seconds + lag, step)]
        both = (shown[0] >= 0) & (shown[1] >= 0)
        pair = [x.pixels[at[both]] for x, at in zip((made, source), shown, strict=True)]
        small = [x[:, ::4, ::4].astype(np.int16) for x in pair]
        apart = float(np.abs(small[0] - small[1]).mean()) if both.any() else np.inf
        choices.append((apart, pair[0], pair[1], seconds[both]))
    return min(choices, key=lambda choice: choice[0])[1:]


def _shown(frames: Frames, seconds: np.ndarray, step: float) -> np.ndarray:
    """Return the frame on display at each time, int [T]; -1 where that one is damaged or lost."""
    index = np.searchsorted(frames.seconds, seconds + 1e-6, side="right") - 1
    lag = seconds - frames.seconds[index.clip(0)]
    return np.where((index >= 0) & (lag < 1.75 * step), index, -1)


def _boxes(frames: np.ndarray, config: PairConfig) -> np.ndarray:
    """Return boxes in px, float [P, T, 4], NaN where a person is not seen."""
    tracks = track_faces(_detector(config.detect).detect(frames))[: config.max_people]
    boxes = np.full((len(tracks), len(frames), 4), np.nan)
    for person, track in enumerate(tracks):
        boxes[person, track.frame_indices] = track.boxes
    return boxes


_detector = cache(make_detector)


def _save(path: Path, masks: np.ndarray, seconds: np.ndarray) -> None:
    content = io.BytesIO()
    np.savez_compressed(content, masks=masks, seconds=seconds)
    write_whole(path, content.getvalue())
