"""From a file to a clip, the same for training and for prediction."""

import ctypes
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from avfake.clips.archive import Clip, ClipMeta, PersonMeta, pack_clip
from avfake.clips.config import ClipConfig
from avfake.clips.speech import expand_spans, find_speech, spread_spans
from avfake.clips.voice_statistics import voice_statistics
from avfake.errors import NOTHING_LOST, MediaError, Reason
from avfake.faces import CropConfig, Detections, FaceDetector, FaceTrack, track_faces
from avfake.labels import Part
from avfake.media import (
    Frames,
    MediaInfo,
    Sound,
    Waveform,
    local_file,
    probe,
    read_frames_in_parts,
    read_sound,
)

KEPT_PIECE_SECONDS = 10.0
"""Length of the kept pieces, if there is more speech than is allowed."""
MAX_PIXEL_BYTES = 400_000_000
"""Frames of a file that are in memory at once: 64 of 1080p, 4 of 8K."""


Speech = tuple[Waveform | None, list[list[float]], tuple[Reason, ...]]
"""The speech of a file without pauses, or None; [S][2] start and end in the file of each piece of
it, s; what was left out, or why there is none."""
Picture = tuple[list[float], list[FaceTrack], list[np.ndarray], tuple[Reason, ...]]
"""Seconds of the frames, the track and the crops of each person, what was left out."""


def cut_sound(path: Path, info: MediaInfo, config: ClipConfig) -> Speech:
    """Return the speech of a file, or the reasons why there is none."""
    if not info.has_audio:
        return None, [], (Reason("voice", "no_audio"),)
    try:
        sound = read_sound(path, config.sample_rate, max_seconds=config.max_sound_seconds)
    except MediaError as error:
        return None, [], (replace(error.reason, part="voice"),)
    reasons = noted("voice", sound.notes)
    heard = sum(len(piece.samples) for piece in sound.pieces) / config.sample_rate
    if sound.total_seconds > heard + 1:
        reasons += (_left_out(sound.total_seconds - heard, sound.total_seconds, "sound"),)
    return _keep_speech(sound, reasons, config)


def _keep_speech(sound: Sound, reasons: tuple[Reason, ...], config: ClipConfig) -> Speech:
    rate = sound.sample_rate
    parts = [piece.samples for piece in sound.pieces] or [np.zeros(0, np.float32)]
    samples = parts[0] if len(parts) == 1 else np.concatenate(parts)
    if len(samples) < config.speech.min_seconds * rate:
        short = Reason("voice", "too_short", f"{len(samples) / rate:.2f} s of sound")
        return None, [], (*reasons, short)
    if Waveform(samples, rate).is_silent:
        return None, [], (*reasons, Reason("voice", "silent_audio"))
    spans = find_speech(samples, rate, config.speech)
    if not spans:
        return None, [], (*reasons, Reason("voice", "no_speech"))
    limit = round(config.max_speech_seconds * rate)
    kept = spread_spans(spans, limit, piece=round(KEPT_PIECE_SECONDS * rate))
    speech, chosen = (sum(end - start for start, end in some) / rate for some in (spans, kept))
    if chosen < speech:
        reasons += (_left_out(speech - chosen, speech, "speech"),)
    waveform = Waveform(np.concatenate([samples[start:end] for start, end in kept]), rate)
    starts = [piece.start_seconds * rate for piece in sound.pieces]
    pieces = [(s, s + len(piece.samples)) for s, piece in zip(starts, sound.pieces, strict=True)]
    seconds = [[round(float(i / rate), 5) for i in one] for one in expand_spans(kept, pieces)]
    return waveform, seconds, reasons


def _left_out(lost: float, whole: float, what: str) -> Reason:
    """Return the reason for a part of a duration, in minutes if the whole is long."""
    amount = f"{lost:.0f} of {whole:.0f} seconds of {what}"
    if whole >= 120:
        amount = f"{lost / 60:.0f} of {whole / 60:.0f} minutes of {what}"
    return Reason("voice", "sound_left_out", amount)


def noted(part: Part, notes: tuple[Reason, ...]) -> tuple[Reason, ...]:
    """Return the notes of a decoded stream as reasons of a part."""
    return tuple(replace(note, part=part) for note in notes)


def cut_clip(
    path: str | Path,
    config: ClipConfig,
    detector: FaceDetector,
    *,
    clip_id: str = "",
    boxes_from: Clip | None = None,
    num_frames: int | None = None,
) -> Clip:
    """Return the clip of a video or sound file, in memory.

    Args:
        boxes_from: the clip of the original of a fake: where their frames have the same size and
            times, its boxes are used, which gives pixel-aligned pairs and needs no detection
        num_frames: sampled instead of those of the settings, at prediction; 0 = no picture

    MediaError if the file cannot be read at all. A stream that cannot be used is a reason in the
    meta of the clip; the status is "failed" if neither stream can.
    """
    with local_file(path) as local:
        info = probe(local)
        of_frames = config if num_frames is None else replace(config, num_frames=num_frames or 1)
        picture: Picture = ([], [], [], ())
        if num_frames != 0:
            picture = _cut_picture(local, info, of_frames, detector, boxes_from)
        seconds, tracks, crops, of_picture = picture
        # Not side by side: each of both may take hundreds of megabytes.
        _return_memory()
        speech, spans, of_sound = cut_sound(local, info, config)
        _return_memory()
    reasons = of_picture + of_sound
    status: Literal["ok", "partial", "failed"] = "ok"
    if any(reason.code not in NOTHING_LOST for reason in reasons):
        status = "partial"
    meta = ClipMeta(
        clip_id=clip_id or Path(path).name,
        config_hash=config.hash,
        status=status if tracks or speech else "failed",
        reasons=reasons,
        # The path differs by machine.
        media={name: value for name, value in asdict(info).items() if name != "path"},
        frame_seconds=seconds,
        persons=tuple(map(PersonMeta.of, tracks)),
        sound_seconds=speech.duration_seconds if speech else 0.0,
        speech_spans=spans,
        voice_statistics=voice_statistics(speech) if speech else {},
    )
    return pack_clip(meta, crops, speech, jpeg_quality=config.jpeg_quality)


def _return_memory() -> None:
    """Return freed memory to the system, which the allocator of Linux otherwise keeps."""
    with suppress(OSError, AttributeError):  # another system
        ctypes.CDLL(None).malloc_trim(0)


def _cut_picture(
    path: Path,
    info: MediaInfo,
    config: ClipConfig,
    detector: FaceDetector,
    boxes_from: Clip | None,
) -> Picture:
    if not info.has_video:
        return [], [], [], (Reason("face", "no_video"),)
    times = info.sample_times(config.num_frames)
    try:
        frames = _SampledFrames(path, times, None if boxes_from else detector)
        reasons = noted("face", frames.notes)
        if len(frames.seconds) <= 2 < config.num_frames:
            reasons += (Reason("face", "few_frames"),)
        tracks = _reused_tracks(boxes_from, frames.seconds, info) if boxes_from else None
        if tracks is None:
            found = track_faces(frames.detections(detector), config.track)
            tracks = found[: config.max_persons]
            if len(found) > len(tracks):
                number = f"{len(found) - len(tracks)} of {len(found)}"
                reasons += (Reason("face", "persons_left_out", number),)
            limit = round(config.max_crops_per_frame * config.num_frames)
            if sum(map(len, tracks)) > limit:
                tracks = [track.thinned(max(1, limit // len(tracks))) for track in tracks]
        crops = frames.crops(tracks, config.crop)
    except MediaError as error:
        return [], [], [], (replace(error.reason, part="face"),)
    if not tracks:
        reasons += (Reason("face", "no_face", f"{len(frames.seconds)} frames looked at"),)
    return frames.seconds.round(4).tolist(), tracks, crops, reasons


class _SampledFrames:
    """The sampled frames of a file: kept, or decoded again wherever they are too large for that."""

    def __init__(self, path: Path, times: np.ndarray, detector: FaceDetector | None) -> None:
        """detector: finds faces on the way; MediaError if no frame can be read."""
        self._read = partial(read_frames_in_parts, path, times, max_bytes=MAX_PIXEL_BYTES)
        self._found: list[Detections] = []
        self._only: Frames | None = None
        seconds: list[np.ndarray] = []
        for part in self._read():
            self._only = None if seconds else part
            seconds.append(part.seconds)
            self.notes = part.notes  # of all parts so far
            if detector is not None:
                self._found += detector.detect(part.pixels)
        self.seconds = np.concatenate(seconds)

    def detections(self, detector: FaceDetector) -> list[Detections]:
        """Return the faces in each frame."""
        if not self._found:
            self._found = [one for part in self._parts() for one in detector.detect(part.pixels)]
        return self._found

    def crops(self, tracks: list[FaceTrack], config: CropConfig) -> list[np.ndarray]:
        """Return the crops of each track, uint8 [K, S, S, 3]."""
        if not tracks:
            return []
        cut: list[list[np.ndarray]] = [[] for _ in tracks]
        first = 0
        for part in self._parts():
            for crops, track in zip(cut, tracks, strict=True):
                crops.append(track.crops(part.pixels, config, first=first))
            first += len(part)
        return [np.concatenate(crops) for crops in cut]

    def _parts(self) -> Iterable[Frames]:
        return self._read() if self._only is None else [self._only]


def _reused_tracks(original: Clip, seconds: np.ndarray, info: MediaInfo) -> list[FaceTrack] | None:
    meta = original.meta
    same_size = (meta.media.get("width"), meta.media.get("height")) == (info.width, info.height)
    same_times = len(meta.frame_seconds) == len(seconds) and np.allclose(
        meta.frame_seconds, seconds, atol=0.02
    )
    if not (meta.persons and same_size and same_times):
        return None
    return [person.as_track() for person in meta.persons]
