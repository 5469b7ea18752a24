"""Facts about a file and its streams, but not about what is seen or said in it."""

from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np

from avfake.clips import Clip
from avfake.media import MediaInfo, Waveform, every_packet, open_media

QUIET_DB = -40.0
"""Sound this far below the loud parts of the file is silence."""
DIGITAL_DB = -75.0
"""Below this, re full scale, nothing was recorded; a codec leaves a little where zeros were."""
BLOCK_SECONDS = 0.01


@dataclass(frozen=True)
class FileFacts:
    """Facts of one file; None where it has no such stream or does not state it."""

    ending: str | None = None
    container: str | None = None
    video_codec: str | None = None
    audio_codec: str | None = None
    size_bytes: int | None = None
    duration_seconds: float | None = None
    sound_seconds: float | None = None
    num_frames: int | None = None
    video_start_seconds: float | None = None
    audio_start_seconds: float | None = None
    fps: float | None = None
    width: int | None = None
    height: int | None = None
    rotation_degrees: int | None = None
    pixel_aspect: float | None = None
    file_kbps: float | None = None
    video_kbps: float | None = None
    audio_kbps: float | None = None
    num_packets: int | None = None
    num_key_frames: int | None = None
    longest_packet_bytes: int | None = None
    sample_rate: int | None = None
    num_channels: int | None = None
    rms_db: float | None = None
    peak_db: float | None = None
    leading_silence_seconds: float | None = None
    leading_nothing_seconds: float | None = None
    trailing_silence_seconds: float | None = None
    trailing_nothing_seconds: float | None = None
    crop_px: float | None = None
    """Median side of the face boxes, where prepared clips were given."""
    crop_share: float | None = None
    """`crop_px` as a share of the picture's shorter side."""


PROBES: dict[str, tuple[str, ...]] = {
    "container": ("ending", "container"),
    "codec": ("video_codec", "audio_codec"),
    "file size": ("size_bytes",),
    "duration": ("duration_seconds", "sound_seconds", "num_frames"),
    "stream starts": ("video_start_seconds", "audio_start_seconds"),
    "fps": ("fps",),
    "resolution": ("width", "height", "rotation_degrees", "pixel_aspect"),
    "bitrate": ("file_kbps", "video_kbps", "audio_kbps"),
    "packets": ("num_packets", "num_key_frames", "longest_packet_bytes"),
    "sample rate": ("sample_rate", "num_channels"),
    "loudness": ("rms_db", "peak_db"),
    "leading silence": ("leading_silence_seconds", "leading_nothing_seconds"),
    "trailing silence": ("trailing_silence_seconds", "trailing_nothing_seconds"),
    "crop size": ("crop_px", "crop_share"),
}
"""Probe -> the facts that it may use."""
STATED = (
    *("container", "video_codec", "audio_codec", "size_bytes", "duration_seconds"),
    *("num_frames", "fps", "width", "height", "sample_rate", "num_channels"),
)
"""Facts that `probe` finds."""
NAMED = ("ending", "container", "video_codec", "audio_codec")
"""Facts that are names, not numbers."""
ALL_FACTS = tuple(field.name for field in fields(FileFacts))


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
        used = [stream for stream in (media.video, media.audio) if stream is not None]
        for stream in used:
            start = float((stream.start_time or 0) * (stream.time_base or 0))
            starts[f"{stream.type}_start_seconds"] = start
        for packet in every_packet(media.container, *used):
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
