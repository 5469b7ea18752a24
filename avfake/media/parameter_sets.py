"""Whether H.264 or H.265 in MP4 changes its parameters, and with them its size, on the way."""

from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
from av.video.stream import VideoStream

MAX_KEY_FRAMES = 200
"""So many are looked at, evenly spread."""
MAX_BYTES = 512
"""Of each: parameters come before the picture itself."""
SEQUENCE_PARAMETERS = {"h264": (0x1F, 0, 7), "hevc": (0x7E, 1, 33)}
"""Codec -> which bits of a unit's first byte tell its type, shifted by, and that of the set that
holds the size."""


def changes_inside(file: Path, stream: VideoStream) -> bool:
    """Whether key frames carry different sets of parameters."""
    mask, shift, wanted = SEQUENCE_PARAMETERS.get(stream.codec_context.name, (0, 0, -1))
    starts = [entry.pos for entry in stream.index_entries if entry.is_keyframe]
    if wanted < 0 or len(starts) < 2:
        return False
    few = np.linspace(0, len(starts) - 1, min(len(starts), MAX_KEY_FRAMES)).round().astype(int)
    found: set[bytes] = set()
    with file.open("rb") as opened:
        for number in few:
            found.update(
                unit
                for unit in _units(opened, starts[number])
                if (unit[0] & mask) >> shift == wanted
            )
    return len(found) > 1


def _units(opened: BinaryIO, at: int) -> Iterator[bytes]:
    """The units that fit whole into the first bytes of a packet; each follows its length."""
    opened.seek(at)
    content = opened.read(MAX_BYTES)
    start = 0
    while start + 5 <= len(content):
        end = start + 4 + int.from_bytes(content[start : start + 4])
        if not start + 4 < end <= len(content):
            return
        yield content[start + 4 : end]
        start = end
