"""Facts about a file and its streams, but not about what is seen or said in it."""

from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from avfake.clips import Clip
from avfake.media import MediaInfo, Waveform, open_media

QUIET_DB = -40.0
"""Sound this far below the loud parts of the file is silence."""
DIGITAL_DB = -75.0
"""Below this, re full scale, nothing was recorded; a codec leaves a little where zeros were."""
BLOCK_SECONDS = 0.01


def _fact(probe: str) -> Any:
    """Return a field that is None by default, with the name of the probe that may use it."""
    return field(default=None, metadata={"probe": probe})


@dataclass(frozen=True)
class FileFacts:
    """Facts of one file; None where it has no such stream or does not state it."""

    ending: str | None = _fact("container")
    container: str | None = _fact("container")
    video_codec: str | None = _fact("codec")
    audio_codec: str | None = _fact("codec")
    size_bytes: int | None = _fact("file size")
    duration_seconds: float | None = _fact("duration")
    sound_seconds: float | None = _fact("duration")
    num_frames: int | None = _fact("duration")
    video_start_seconds: float | None = _fact("stream starts")
    audio_start_seconds: float | None = _fact("stream starts")
    fps: float | None = _fact("fps")
    width: int | None = _fact("resolution")
    height: int | None = _fact("resolution")
    rotation_degrees: int | None = _fact("resolution")
    pixel_aspect: float | None = _fact("resolution")
    file_kbps: float | None = _fact("bitrate")
    video_kbps: float | None = _fact("bitrate")
    audio_kbps: float | None = _fact("bitrate")
    num_packets: int | None = _fact("packets")
    num_key_frames: int | None = _fact("packets")
    longest_packet_bytes: int | None = _fact("packets")
    sample_rate: int | None = _fact("sample rate")
    num_channels: int | None = _fact("sample rate")
    rms_db: float | None = _fact("loudness")
    peak_db: float | None = _fact("loudness")
    leading_silence_seconds: float | None = _fact("leading silence")
    leading_nothing_seconds: float | None = _fact("leading silence")
    trailing_silence_seconds: float | None = _fact("trailing silence")
    trailing_nothing_seconds: float | None = _fact("trailing silence")
    crop_px: float | None = _fact("crop size")
    """Median side of the face boxes, where prepared clips were given."""
    crop_share: float | None = _fact("crop size")
    """`crop_px` as a share of the picture's shorter side."""


ALL_FACTS = tuple(one.name for one in fields(FileFacts))
PROBES: dict[str, list[str]] = {}
"""Probe -> the facts that it may use."""
for _one in fields(FileFacts):
    PROBES.setdefault(_one.metadata["probe"], []).append(_one.name)
STATED = (
    *("container", "video_codec", "audio_codec", "size_bytes", "duration_seconds"),
    *("num_frames", "fps", "width", "height", "sample_rate", "num_channels"),
)
"""Facts that `probe` finds."""
NAMED = ("ending", "container", "video_codec", "audio_codec")
"""Facts that are names, not numbers."""


def stream_facts(described: MediaInfo, name: str) -> dict[str, Any]:
    """Return the facts of the container and of its packets; `name` is the file's own."""
    found = {key: getattr(described, key) for key in STATED}
    found["ending"] = Path(name).suffix.lower()
    if described.has_video:
        found["rotation_degrees"] = described.rotation_degrees
        found["pixel_aspect"] = described.pixel_aspect
    sizes, packets = _packet_facts(described.path)
    seconds = described.duration_seconds
    if seconds:
        found["file_kbps"] = described.size_bytes * 8e-3 / seconds
        found |= {f"{kind}_kbps": size * 8e-3 / seconds for kind, size in sizes.items()}
    return found | packets


def sound_facts(waveform: Waveform) -> dict[str, float]:
    """Return length, loudness, and the silence at both ends."""
    samples = waveform.samples.astype(np.float64)
    facts = {"sound_seconds": waveform.duration_seconds}
    size = round(BLOCK_SECONDS * waveform.sample_rate)
    blocks = samples[: len(samples) // size * size].reshape(-1, size)
    if not len(blocks):
        return facts
    levels = _decibels(np.sqrt(np.mean(blocks**2, axis=1)))
    facts["rms_db"] = float(_decibels(np.sqrt(np.mean(samples**2))))
    facts["peak_db"] = float(_decibels(np.abs(samples).max()))
    quiet = max(float(np.quantile(levels, 0.95)) + QUIET_DB, DIGITAL_DB)
    for name, limit in (("silence", quiet), ("nothing", DIGITAL_DB)):
        loud = np.flatnonzero(levels > limit)
        first, last = (loud[0], loud[-1]) if len(loud) else (len(levels), -1)
        facts[f"leading_{name}_seconds"] = float(first * BLOCK_SECONDS)
        facts[f"trailing_{name}_seconds"] = float((len(levels) - 1 - last) * BLOCK_SECONDS)
    return facts


def crop_facts(clip: Clip) -> dict[str, float]:
    """Return the size of the boxes of the most prominent person of a prepared clip."""
    meta = clip.meta
    if not meta.persons or not meta.persons[0].boxes:
        return {}
    boxes = np.array(meta.persons[0].boxes)  # [K, 4]
    side = float(np.median(np.max(boxes[:, 2:] - boxes[:, :2], axis=1)))
    shorter = min(meta.media.get("width") or 0, meta.media.get("height") or 0)
    return {"crop_px": side} | ({"crop_share": side / shorter} if shorter else {})


def _decibels(amplitude: np.ndarray) -> np.ndarray:
    return 20 * np.log10(np.maximum(amplitude, 1e-6))


def _packet_facts(path: Path) -> tuple[dict[str, int], dict[str, Any]]:
    """Return (stream kind -> bytes, facts of the packets); nothing is decoded."""
    sizes: dict[str, int] = {}
    num_packets = num_key_frames = longest = 0
    starts: dict[str, Any] = {}
    with open_media(path) as media:
        for stream in filter(None, (media.video, media.audio)):
            start = float((stream.start_time or 0) * (stream.time_base or 0))
            starts[f"{stream.type}_start_seconds"] = start
        for packet in media.packets():
            kind = packet.stream.type
            sizes[kind] = sizes.get(kind, 0) + packet.size
            num_packets += 1
            num_key_frames += packet.is_keyframe and kind == "video"
            longest = max(longest, packet.size)
    return sizes, starts | {
        "num_packets": num_packets,
        "num_key_frames": num_key_frames if "video" in sizes else None,
        "longest_packet_bytes": longest,
    }
