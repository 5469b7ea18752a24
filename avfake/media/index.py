"""The clock of MP4 and MOV, whose index states when each packet is shown and where it lies."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from avfake.media.clock import Clock, MediaStream, StreamClock, to_seconds
from avfake.media.header import truncation, unread
from avfake.media.timeline import MAX_GAP_SECONDS, SAME_TIME_SECONDS

MAX_KEY_FRAMES = 200
"""At most this many are read, evenly spread."""
MAX_BYTES = 512
"""Bytes that are read of each: parameters come before the picture itself."""
SEQUENCE_PARAMETERS = {"h264": (0x1F, 0, 7), "hevc": (0x7E, 1, 33)}
"""Codec -> (mask and shift of the type in the first byte of a unit, type of the parameter set that
states the picture size)."""


def changes_inside(file: Path, stream: VideoStream) -> bool:
    """Return whether key frames of H.264 or H.265 carry different parameters, such as sizes."""
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
    """Yield the units that lie within the first bytes of a packet; each follows its length."""
    opened.seek(at)
    content = opened.read(MAX_BYTES)
    start = 0
    while start + 5 <= len(content):
        end = start + 4 + int.from_bytes(content[start : start + 4])
        if not start + 4 < end <= len(content):
            return
        yield content[start + 4 : end]
        start = end


MAX_BOXES = 1000
"""A file with more top-level boxes is fragmented or not useful."""
INDEXED_FORMAT = "mov,mp4,m4a,3gp,3g2,mj2"


def indexed_clock(
    container: InputContainer, file: Path, streams: Sequence[MediaStream]
) -> Clock | None:
    """Return the clock by the index, without reading a packet; None where it is not reliable.

    In an unfragmented file the time of a packet is the sum of all steps before it: it cannot go
    back, and a jump is one long step. Fragments state their times, and may have been joined.
    """
    if container.format.name != INDEXED_FORMAT:
        return None
    boxes = list(islice(_boxes(file), MAX_BOXES))
    if len(boxes) == MAX_BOXES or any(kind == b"moof" for kind, _ in boxes):
        return None
    if any(isinstance(s, VideoStream) and changes_inside(file, s) for s in streams):
        return None
    starts = [to_seconds(stream, stream.start_time) for stream in streams]
    if max(starts) - min(starts) > MAX_GAP_SECONDS:
        return None
    # Sound before zero is the priming of an encoder, not content.
    zero = min(
        max(0.0, start) if stream.type == "audio" else start
        for stream, start in zip(streams, starts, strict=True)
    )
    num_bytes = file.stat().st_size
    files = [at for kind, at in boxes if kind == b"ftyp"]
    second = (unread(files[1], num_bytes),) if len(files) > 1 else ()
    clocks = {}
    for stream in streams:
        clock = _stream_clock(stream, num_bytes, zero)
        if clock is None:
            return None
        clocks[stream.index] = replace(clock, notes=clock.notes + second)
    return Clock(zero, clocks, is_scanned=False)


def _stream_clock(stream: MediaStream, num_bytes: int, zero: float) -> StreamClock | None:
    entries = [(entry.timestamp, entry.pos + entry.size) for entry in stream.index_entries]
    if not entries or not stream.duration:
        return None
    times, ends = np.array(entries, np.int64).T
    seconds = times * float(stream.time_base or 0)
    steps = np.diff(seconds)
    if len(steps) and (steps.min() < 0 or steps.max() > SAME_TIME_SECONDS):
        return None
    start = max(0.0, to_seconds(stream, stream.start_time) - zero)
    length = to_seconds(stream, stream.duration)
    lost = np.flatnonzero(ends > num_bytes)
    if not len(lost):
        return StreamClock(start, start + length, length)
    there = max(0.0, float(seconds[lost[0]]) - zero - start)
    notes = truncation(start + length, start + there)
    return StreamClock(start, start + there, there, notes=notes)


def _boxes(file: Path) -> Iterator[tuple[bytes, int]]:
    """Yield kind and start of each top-level box of the file."""
    num_bytes = file.stat().st_size
    at = 0
    with file.open("rb") as opened:
        while at + 8 <= num_bytes:
            opened.seek(at)
            head = opened.read(16)
            yield head[4:8], at
            size = int.from_bytes(head[:4])
            if size == 1:  # the length follows, in 64 bits
                size = int.from_bytes(head[8:16])
            if size < 8:  # 0: to the end of the file; less than a head: damage
                return
            at += size
