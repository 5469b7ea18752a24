"""Two files in, picture and sound compared: reads the same instants of both, finds the faces."""

import io
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from avfake.audit.labels.picture import PictureComparison, PictureConfig, compare_faces
from avfake.audit.labels.sound import SoundComparison, SoundConfig, compare_sound
from avfake.errors import ConfigError, MediaError
from avfake.faces import DetectConfig, MTCNNDetector, track_faces
from avfake.media import Frames, MediaInfo, probe, read_frames, read_waveform, sample_times
from avfake.storage import write_whole


@dataclass(frozen=True)
class PairConfig:
    """How a fake is compared with its original."""

    num_frames: int = 16
    """Evenly spread over what the two have in common."""
    max_people: int = 32
    sound: SoundConfig = field(default_factory=SoundConfig)
    picture: PictureConfig = field(default_factory=PictureConfig)
    detect: DetectConfig = field(default_factory=DetectConfig)

    def __post_init__(self) -> None:
        if self.num_frames < 1 or self.max_people < 1:
            raise ConfigError(f"num_frames and max_people must be at least 1: {self}")


@dataclass(frozen=True)
class PairComparison:
    """What two files say of each other."""

    picture: PictureComparison
    sound: SoundComparison
    has_audio: bool | None
    """Of the fake; None where it could not be opened."""
    detail: str = ""


def compare_pair(
    fake: str | Path,
    original: str | Path,
    config: PairConfig | None = None,
    *,
    masks: Path | None = None,
) -> PairComparison:
    """Picture and sound of a fake against its original's; what cannot be read is unknown.

    masks: where to write the SSIM differences (npz: masks uint8 [T, h, w], seconds [T]).
    """
    config = config or PairConfig()
    has_audio: bool | None = None
    try:
        about = probe(fake)
        has_audio = about.has_audio
        source = probe(original)
    except MediaError as error:
        nothing = PictureComparison(None, why="unreadable")
        return PairComparison(
            nothing, SoundComparison(None, why="unreadable"), has_audio, str(error)
        )
    details = []
    try:
        sound = _sounds(fake, original, about, source, config=config.sound)
    except MediaError as error:
        sound = SoundComparison(None, why="unreadable")
        details.append(str(error))
    try:
        picture, seconds = _pictures(fake, original, about, source, config=config)
    except MediaError as error:
        picture, seconds = PictureComparison(None, why="unreadable"), np.zeros(0)
        details.append(str(error))
    if masks is not None and picture.masks is not None:
        _save(masks, picture.masks, seconds)
    return PairComparison(picture, sound, has_audio, "; ".join(details))


def _sounds(
    fake: str | Path,
    original: str | Path,
    about: MediaInfo,
    source: MediaInfo,
    *,
    config: SoundConfig,
) -> SoundComparison:
    if not about.has_audio:
        return SoundComparison(None, why="no_audio")
    if not source.has_audio:
        return SoundComparison(None, why="original_no_audio")
    sounds = [read_waveform(path, config.sample_rate) for path in (fake, original)]
    return compare_sound(sounds[0], sounds[1], config)


def _pictures(
    fake: str | Path,
    original: str | Path,
    about: MediaInfo,
    source: MediaInfo,
    *,
    config: PairConfig,
) -> tuple[PictureComparison, np.ndarray]:
    if not (about.has_video and source.has_video):
        return PictureComparison(None, why="no_video"), np.zeros(0)
    if (about.width, about.height) != (source.width, source.height):
        return PictureComparison(None, why="other_size"), np.zeros(0)
    ends = [info.video_end_seconds for info in (about, source) if info.video_end_seconds]
    seconds = sample_times(
        replace(source, video_end_seconds=min(ends, default=0.0)), config.num_frames
    )
    step = 1 / source.fps if source.fps else 0.04
    # The middle of a picture's time on display; at its edge, rounding chooses the picture.
    first = source.video_start_seconds
    seconds = first + (np.floor((seconds - first) / step) + 0.5) * step
    seconds = np.unique(seconds)
    made, same, seconds = _same_instants(fake, original, seconds, step)
    if not len(seconds):
        return PictureComparison(None, why="too_short"), seconds
    return compare_faces(made, same, _boxes(same, config), config.picture), seconds


def _same_instants(
    fake: str | Path, original: str | Path, seconds: np.ndarray, step: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(fake's pictures, original's, their times): at these times, or the original's one picture off

    where that fits better: encoders that drop or double the first picture put all others off.
    """
    lags = (0.0, -step, step)
    made = read_frames(fake, seconds)
    source = read_frames(original, np.concatenate([seconds + lag for lag in lags]))
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
    """int [T]: which frame is on display at each time; -1 where that one is damaged or lost."""
    index = np.searchsorted(frames.seconds, seconds + 1e-6, side="right") - 1
    lag = seconds - frames.seconds[index.clip(0)]
    return np.where((index >= 0) & (lag < 1.75 * step), index, -1)


def _boxes(frames: np.ndarray, config: PairConfig) -> np.ndarray:
    """float [P, T, 4] px, NaN where a person is not seen."""
    tracks = track_faces(_detector(config.detect).detect(frames))[: config.max_people]
    boxes = np.full((len(tracks), len(frames), 4), np.nan)
    for person, track in enumerate(tracks):
        boxes[person, track.frame_indices] = track.boxes
    return boxes


@lru_cache(maxsize=1)
def _detector(config: DetectConfig) -> MTCNNDetector:
    return MTCNNDetector(config)


def _save(path: Path, masks: np.ndarray, seconds: np.ndarray) -> None:
    content = io.BytesIO()
    np.savez_compressed(content, masks=masks, seconds=seconds)
    write_whole(path, content.getvalue())
