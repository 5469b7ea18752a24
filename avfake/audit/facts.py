"""Facts about a file and its streams, but not about what is seen or said in it.

All facts are plain values by name, None or absent where a file has no such stream or does not state
it. `probes.PROBES` names them all.
"""

from collections import Counter
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
STATED = (
    *("container", "video_codec", "audio_codec", "size_bytes", "duration_seconds"),
    *("num_frames", "fps", "width", "height", "sample_rate", "num_channels"),
)
"""Facts that `probe` finds in any file."""


def stream_facts(described: MediaInfo, name: str) -> dict[str, Any]:
    """Return the facts of the container and of its packets; `name` is the file's own."""
    stated = (*STATED, *(("rotation_degrees", "pixel_aspect") if described.has_video else ()))
    facts: dict[str, Any] = {key: getattr(described, key) for key in stated}
    facts["ending"] = Path(name).suffix.lower() or None
    with open_media(described.path) as media:
        for stream in filter(None, (media.video, media.audio)):
            start = float((stream.start_time or 0) * (stream.time_base or 0))
            facts[f"{stream.type}_start_seconds"] = start
        # Nothing is decoded.
        packets = [(one.stream.type, one.size, one.is_keyframe) for one in media.packets()]
    facts["num_packets"] = len(packets)
    facts["longest_packet_bytes"] = max((size for _, size, _ in packets), default=0)
    is_key = [is_key for kind, _, is_key in packets if kind == "video"]
    facts["num_key_frames"] = sum(is_key) if is_key else None
    if described.duration_seconds:
        sizes = Counter({"file": described.size_bytes})
        for kind, size, _ in packets:
            sizes[kind] += size
        for kind, size in sizes.items():
            facts[f"{kind}_kbps"] = size * 8e-3 / described.duration_seconds
    return facts


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
    """Return the size of the boxes of the most prominent person of a prepared clip.

    crop_px is the median side of the boxes, crop_share its share of the picture's shorter side.
    """
    meta = clip.meta
    if not meta.persons or not meta.persons[0].boxes:
        return {}
    boxes = np.array(meta.persons[0].boxes)  # [K, 4]
    side = float(np.median(np.max(boxes[:, 2:] - boxes[:, :2], axis=1)))
    shorter = min(meta.media.get("width") or 0, meta.media.get("height") or 0)
    return {"crop_px": side} | ({"crop_share": side / shorter} if shorter else {})


def _decibels(amplitude: np.ndarray) -> np.ndarray:
    return 20 * np.log10(np.maximum(amplitude, 1e-6))
