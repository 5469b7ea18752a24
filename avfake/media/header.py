"""What header and index of a file state: its length, its clock, and what lies behind its content.

The index of MP4 and MOV states when each packet is shown and where it lies.
"""

import mmap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import numpy as np
from av.container import InputContainer
from av.video.stream import VideoStream

from avfake.errors import Reason
from avfake.media.clock import Clock, MediaStream, StreamClock, to_seconds
from avfake.media.timeline import MAX_GAP_SECONDS, SAME_TIME_SECONDS


@contextmanager
def mapped(file: Path) -> Iterator[mmap.mmap]:
    """Give the bytes of a file, which are read where they are looked at."""
    with (
        file.open("rb") as opened,
        mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as content,
    ):
        yield content


STATE_DURATION = {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "flv", "flac", "aiff"}
"""Formats that state their duration in the header; for most others libavformat computes it from the
content, or estimates it from a bit rate."""
ROUNDING_SECONDS = 0.5
"""Headers round, and count to the end of the longer stream; a larger difference is missing."""
UNKNOWN_BYTES = 2**31 - 2**16
"""A stated length from this on is a placeholder: the WAV file was written to a pipe."""


def truncation(stated: float | None, there: float) -> tuple[Reason, ...]:
    """Return a note if a header states clearly more seconds than there are."""
    if stated is None or stated - there <= ROUNDING_SECONDS:
        return ()
    return (Reason("file", "truncated", f"{stated:.1f} s by its header, {there:.1f} s are there"),)


def stated_seconds(
    container: InputContainer, content: mmap.mmap, *, first_byte: int, there: float
) -> float | None:
    """Return the container second at which the last stream ends by the header; None if not stated.

    first_byte: position of the first packet. there: when the last packet ends.
    """
    form = container.format.name
    if form == "wav":
        return _wav_seconds(content, there)
    if form == "avi":
        counted = [
            stream.frames / float(stream.average_rate)
            for stream in container.streams.video
            if stream.frames and stream.average_rate
        ]
        return max(counted, default=None)
    # An MP3 file may begin with a header that states the number of frames.
    head = content[max(0, first_byte - 2048) : first_byte] if form == "mp3" else b""
    states = form in STATE_DURATION or any(mark in head for mark in (b"Xing", b"Info", b"VBRI"))
    return container.duration / 1_000_000 if states and container.duration else None


def _wav_seconds(content: mmap.mmap, there: float) -> float | None:
    """Compute the duration from the stated length of the samples, which libavformat ignores."""
    at = content.find(b"data", 0, 1 << 16)
    stated = int.from_bytes(content[at + 4 : at + 8], "little") if at >= 0 else 0
    held = len(content) - at - 8
    return there * stated / held if held < stated < UNKNOWN_BYTES else None


HEADERS = {
    "matroska,webm": b"\x1a\x45\xdf\xa3",
    "flv": b"FLV\x01",
    "asf": bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"),
}
"""Format -> the bytes with which each of its files begins."""
MIN_UNSEEN_BYTES = 500_000
"""Less MPEG-TS than this after the last packet holds no stream that libavformat has missed."""


def left_over(form: str, content: mmap.mmap, last_byte: int) -> tuple[Reason, ...]:
    """Return a note if another file, or unannounced streams, begin behind what was read.

    form: name of the container format; last_byte: end of the last packet.
    """
    start = -1
    if form in HEADERS:
        start = content.find(HEADERS[form], last_byte)
    elif form in ("wav", "avi"):
        # A second file may begin right behind the first, at an even byte.
        end = 8 + int.from_bytes(content[4:8], "little")
        end += end % 2
        if (content[end : end + 4], content[end + 8 : end + 12]) == (b"RIFF", content[8:12]):
            start = end
    elif form == "mpegts" and len(content) - last_byte >= MIN_UNSEEN_BYTES:
        start = last_byte
    return () if start < 0 else (unread(start, len(content)),)


def unread(start: int, num_bytes: int) -> Reason:
    """Return the note that the bytes from `start` on were not read."""
    share = 100 * (1 - start / num_bytes)
    said = f"another file or other streams, in the last {share:.0f} % of the bytes"
    return Reason("file", "left_out", said)


MAX_KEY_FRAMES = 200
"""At most this many are read, evenly spread."""
MAX_BYTES = 512
"""Bytes that are read of each: parameters come before the picture itself."""
SEQUENCE_PARAMETERS = {"h264": (0x1F, 0, 7), "hevc": (0x7E, 1, 33)}
"""Codec -> (mask and shift of the type in the first byte of a unit, type of the parameter set that
states the picture size)."""


def changes_inside(content: mmap.mmap, stream: VideoStream) -> bool:
    """Return whether key frames of H.264 or H.265 carry different parameters, such as sizes."""
    mask, shift, wanted = SEQUENCE_PARAMETERS.get(stream.codec_context.name, (0, 0, -1))
    starts = [entry.pos for entry in stream.index_entries if entry.is_keyframe]
    if wanted < 0 or len(starts) < 2:
        return False
    few = np.linspace(0, len(starts) - 1, min(len(starts), MAX_KEY_FRAMES)).round().astype(int)
    units = {unit for n in few for unit in _units(content[starts[n] : starts[n] + MAX_BYTES])}
    return sum((unit[0] & mask) >> shift == wanted for unit in units) > 1


def _units(head: bytes) -> Iterator[bytes]:
    """Yield the units that lie within the first bytes of a packet; each follows its length."""
    start = 0
    while start + 5 <= len(head):
        end = start + 4 + int.from_bytes(head[start : start + 4])
        if not start + 4 < end <= len(head):
            return
        yield head[start + 4 : end]
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
    with mapped(file) as content:
        num_bytes, boxes = len(content), list(islice(_boxes(content), MAX_BOXES))
        if len(boxes) == MAX_BOXES or any(kind == b"moof" for kind, _ in boxes):
            return None
        if any(isinstance(s, VideoStream) and changes_inside(content, s) for s in streams):
            return None
    starts = [to_seconds(stream, stream.start_time) for stream in streams]
    if max(starts) - min(starts) > MAX_GAP_SECONDS:
        return None
    # Sound before zero is the priming of an encoder, not content.
    zero = min(
        max(0.0, start) if stream.type == "audio" else start
        for stream, start in zip(streams, starts, strict=True)
    )
    files = [at for kind, at in boxes if kind == b"ftyp"]
    second = (unread(files[1], num_bytes),) if len(files) > 1 else ()
    clocks = {s.index: _stream_clock(s, num_bytes, zero, notes=second) for s in streams}
    reliable = {index: clock for index, clock in clocks.items() if clock is not None}
    return Clock(zero, reliable, is_scanned=False) if len(reliable) == len(clocks) else None


def _stream_clock(
    stream: MediaStream, num_bytes: int, zero: float, *, notes: tuple[Reason, ...]
) -> StreamClock | None:
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
    there, lost = length, np.flatnonzero(ends > num_bytes)
    if len(lost):
        there = max(0.0, float(seconds[lost[0]]) - zero - start)
    notes = truncation(start + length, start + there) + notes
    return StreamClock(start, start + there, there, notes)


def _boxes(content: mmap.mmap) -> Iterator[tuple[bytes, int]]:
    """Yield kind and start of each top-level box of the file."""
    at = 0
    while at + 8 <= len(content):
        head = content[at : at + 16]
        yield head[4:8], at
        size = int.from_bytes(head[:4])
        if size == 1:  # the length follows, in 64 bits
            size = int.from_bytes(head[8:16])
        if size < 8:  # 0: to the end of the file; less than a head: damage
            return
        at += size
