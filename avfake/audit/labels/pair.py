"""Comparison of two files in picture and sound, at the same instants of both."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np

from avfake.audit.labels.picture import PictureComparison, compare_faces
from avfake.audit.labels.sound import SAMPLE_RATE, SoundComparison, compare_sound
from avfake.errors import MediaError
from avfake.faces import DetectConfig, make_detector, track_faces
from avfake.media import Frames, MediaInfo, probe, read_frames, read_sound
from avfake.storage import replacing

NUM_FRAMES = 16
"""Frames that are compared, evenly spread over what the two have in common."""
MAX_PEOPLE = 32
NO_LABEL_REASONS = {
    "no_original": "the manifest names no original",
    "original_missing": "the original is not among the files",
    "unreadable": "one of the two files could not be read",
    "no_audio": "the file has no sound track",
    "original_no_audio": "the original has no sound track",
    "silent": "one of the two sound tracks is digital silence",
    "too_short": "the two have too little in common in time",
    "no_video": "one of the two has no picture",
    "no_face": "no face was found in the original",
    "other_size": "the two pictures differ in size",
    "not_aligned": "the two pictures are shifted too far against each other",
    "other_picture": "the two differ around the face as well: another scene, time or crop",
    "no_surroundings": "the face fills the picture; there is nothing to compare it with",
    "face_too_small": "the face is too small to be compared",
    "partly": "the sound goes on where its original has none; what both have is alike",
    "undecided": "the distance lies between that of copies and that of forgeries",
    "failed": "the worker died, ran out of time, or met a bug on this pair",
}
"""Code -> why a label could not be derived, in words."""


@dataclass(frozen=True)
class DerivedRow:
    """The comparison of one fake with its original; a row of derived.csv."""

    clip_id: str
    face_fake: bool | None = None
    voice_fake: bool | None = None
    has_audio: bool | None = None
    """None where the file could not be opened."""
    no_visible_change: bool | None = None
    """The picture is like the original's and the sound not changed: perhaps no fake at all."""
    face_why: str | None = None
    """Why `face_fake` is unknown, a code of `NO_LABEL_REASONS`."""
    voice_why: str | None = None
    face_distance: float | None = None
    ssim_inside: float | None = None
    ssim_outside: float | None = None
    residual_db: float | None = None
    worst_residual_db: float | None = None
    spectral_distance_db: float | None = None
    offset_seconds: float | None = None
    detail: str = ""
    """The message of the decoder, if there was one."""


def compare_pair(
    clip_id: str,
    fake: str | Path,
    original: str | Path,
    *,
    num_frames: int = NUM_FRAMES,
    masks: Path | None = None,
) -> DerivedRow:
    """Compare picture and sound of a fake with its original's; what cannot be read is unknown.

    masks: where to write the SSIM differences (npz: masks uint8 [T, h, w], seconds [T]).
    """
    has_audio: bool | None = None
    picture = PictureComparison(None, why="unreadable")
    sound = SoundComparison(None, why="unreadable")
    paths, details = (fake, original), []
    try:
        infos = [probe(fake)]
        has_audio = infos[0].has_audio
        infos.append(probe(original))
    except MediaError as error:
        details.append(str(error))
    else:
        try:
            sound = _compare_sounds(paths, infos)
        except MediaError as error:
            details.append(str(error))
        try:
            picture = _compare_pictures(paths, infos, num_frames, masks)
        except MediaError as error:
            details.append(str(error))
    is_like = None if picture.changed is None else not (picture.changed or sound.changed)
    return DerivedRow(
        clip_id,
        face_fake=picture.changed,
        voice_fake=sound.changed,
        has_audio=has_audio,
        no_visible_change=is_like,
        face_why=picture.why,
        voice_why=sound.why,
        face_distance=picture.distance,
        ssim_inside=picture.ssim_inside,
        ssim_outside=picture.ssim_outside,
        residual_db=sound.residual_db,
        worst_residual_db=sound.worst_residual_db,
        spectral_distance_db=sound.spectral_distance_db,
        offset_seconds=sound.offset_seconds,
        detail="; ".join(details),
    )


def _compare_sounds(paths: Sequence[str | Path], infos: Sequence[MediaInfo]) -> SoundComparison:
    if not all(info.has_audio for info in infos):
        return SoundComparison(None, why="original_no_audio" if infos[0].has_audio else "no_audio")
    return compare_sound(*(read_sound(path, SAMPLE_RATE).waveform() for path in paths))


def _compare_pictures(
    paths: Sequence[str | Path], infos: Sequence[MediaInfo], num_frames: int, masks: Path | None
) -> PictureComparison:
    if not all(info.has_video for info in infos):
        return PictureComparison(None, why="no_video")
    if len({(info.width, info.height) for info in infos}) > 1:
        return PictureComparison(None, why="other_size")
    end = min((info.video_end_seconds for info in infos if info.video_end_seconds), default=0.0)
    source = infos[1]
    seconds = replace(source, video_end_seconds=end).sample_times(num_frames)
    step = 1 / source.fps if source.fps else 0.04
    # The middle of a picture's time on display; at its edge, rounding chooses the picture.
    first = source.video_start_seconds
    seconds = np.unique(first + (np.floor((seconds - first) / step) + 0.5) * step)
    fakes, originals, seconds = _same_instants(paths, seconds, step)
    if not len(seconds):
        return PictureComparison(None, why="too_short")
    found = compare_faces(fakes, originals, _boxes(originals))
    if masks is not None and found.masks is not None:
        with replacing(masks, ".npz") as partial:
            np.savez_compressed(partial, masks=found.masks, seconds=seconds)
    return found


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
        first, second = _shown(made, seconds, step), _shown(source, seconds + lag, step)
        both = (first >= 0) & (second >= 0)
        fakes, originals = made.pixels[first[both]], source.pixels[second[both]]
        differences = fakes[:, ::4, ::4].astype(np.int16) - originals[:, ::4, ::4]
        apart = float(np.abs(differences).mean()) if both.any() else np.inf
        choices.append((apart, fakes, originals, seconds[both]))
    return min(choices, key=lambda choice: choice[0])[1:]


def _shown(frames: Frames, seconds: np.ndarray, step: float) -> np.ndarray:
    """Return the frame on display at each time, int [T]; -1 where that one is damaged or lost."""
    index = np.searchsorted(frames.seconds, seconds + 1e-6, side="right") - 1
    lag = seconds - frames.seconds[index.clip(0)]
    return np.where((index >= 0) & (lag < 1.75 * step), index, -1)


def _boxes(frames: np.ndarray) -> np.ndarray:
    """Return boxes in px, float [P, T, 4], NaN where a person is not seen."""
    tracks = track_faces(_detector(DetectConfig()).detect(frames))[:MAX_PEOPLE]
    boxes = np.full((len(tracks), len(frames), 4), np.nan)
    for person, track in enumerate(tracks):
        boxes[person, track.frame_indices] = track.boxes
    return boxes


_detector = cache(make_detector)
"""The face detector, loaded once a process."""
