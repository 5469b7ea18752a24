"""The one road from a file to a clip, for training and for prediction."""

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from avfake.clips.archive import Clip, ClipMeta, PersonMeta, pack_clip
from avfake.clips.config import ClipConfig
from avfake.clips.cut_sound import cut_sound, noted, reason_of
from avfake.clips.sound import voice_statistics
from avfake.errors import NOTHING_LOST, MediaError, Reason
from avfake.faces import FaceDetector, FaceTrack, crop_track, thin_tracks, track_faces
from avfake.media import Frames, MediaInfo, local_file, probe, read_frames, sample_times


@dataclass(frozen=True)
class _Picture:
    frame_seconds: list[float]
    tracks: list[FaceTrack]
    crops: list[np.ndarray]
    reasons: tuple[Reason, ...]


def cut_clip(
    path: str | Path,
    config: ClipConfig,
    detector: FaceDetector,
    *,
    clip_id: str = "",
    boxes_from: Clip | None = None,
) -> Clip:
    """The clip of a video or sound file, in memory.

    `boxes_from` is the clip of the original of a fake: where their frames have the same size and
    times, its boxes are used, which gives pixel-aligned pairs and needs no detection.

    MediaError if the file as a whole cannot be read. A stream that cannot be judged is a reason in
    the clip's meta; its status is "failed" when neither stream can.
    """
    with local_file(path) as local:
        info = probe(local)
        picture = _cut_picture(local, info, config, detector, boxes_from)
        sound = cut_sound(local, info, config)
    reasons = picture.reasons + sound.reasons
    nothing = not picture.tracks and sound.speech is None
    meta = ClipMeta(
        clip_id=clip_id or Path(path).name,
        config_hash=config.hash,
        status=_status(reasons, nothing=nothing),
        reasons=reasons,
        media=_facts(info),
        frame_seconds=picture.frame_seconds,
        persons=tuple(_person_meta(track) for track in picture.tracks),
        sound_seconds=sound.speech.duration_seconds if sound.speech else 0.0,
        speech_spans=sound.spans,
        voice_statistics=voice_statistics(sound.speech) if sound.speech else {},
    )
    return pack_clip(meta, picture.crops, sound.speech, jpeg_quality=config.jpeg_quality)


def _status(reasons: tuple[Reason, ...], *, nothing: bool) -> Literal["ok", "partial", "failed"]:
    if nothing:
        return "failed"
    return "partial" if any(reason.code not in NOTHING_LOST for reason in reasons) else "ok"


def _cut_picture(
    path: Path,
    info: MediaInfo,
    config: ClipConfig,
    detector: FaceDetector,
    boxes_from: Clip | None,
) -> _Picture:
    if not info.has_video:
        return _Picture([], [], [], (Reason("face", "no_video"),))
    try:
        frames = read_frames(path, sample_times(info, config.num_frames))
    except MediaError as error:
        return _Picture([], [], [], (reason_of("face", error),))
    reasons = _picture_reasons(frames, config)
    tracks = _reused_tracks(boxes_from, frames, info) if boxes_from else None
    if tracks is None:
        found = track_faces(detector.detect(frames.pixels), config.track)
        tracks = found[: config.max_persons]
        if len(found) > len(tracks):
            number = f"{len(found) - len(tracks)} of {len(found)}"
            reasons += (Reason("face", "persons_left_out", number),)
        tracks = thin_tracks(tracks, round(config.max_crops_per_frame * config.num_frames))
    if not tracks:
        reasons += (Reason("face", "no_face", f"{len(frames)} frames looked at"),)
    crops = [crop_track(frames.pixels, track, config.crop) for track in tracks]
    return _Picture(frames.seconds.round(4).tolist(), tracks, crops, reasons)


def _picture_reasons(frames: Frames, config: ClipConfig) -> tuple[Reason, ...]:
    reasons = noted("face", frames.notes)
    if len(frames) <= 2 < config.num_frames:
        reasons += (Reason("face", "few_frames"),)
    return reasons


def _reused_tracks(original: Clip, frames: Frames, info: MediaInfo) -> list[FaceTrack] | None:
    meta = original.meta
    same_size = (meta.media.get("width"), meta.media.get("height")) == (info.width, info.height)
    same_times = len(meta.frame_seconds) == len(frames) and np.allclose(
        meta.frame_seconds, frames.seconds, atol=0.02
    )
    if not (meta.persons and same_size and same_times):
        return None
    return [person.as_track() for person in meta.persons]


def _facts(info: MediaInfo) -> dict[str, Any]:
    facts = asdict(info)
    del facts["path"]  # where a file lay is not a fact about it, and would differ by machine
    return facts


def _person_meta(track: FaceTrack) -> PersonMeta:
    return PersonMeta(
        person_id=track.person_id,
        frame_indices=track.frame_indices.tolist(),
        boxes=np.round(track.boxes.astype(float), 2).tolist(),
        confidences=np.round(track.confidences.astype(float), 4).tolist(),
        landmarks=np.round(track.landmarks.astype(float), 2).tolist(),
    )
