"""The length that the header of a file states, and the bytes behind its content."""

import mmap
from pathlib import Path

from av.container import InputContainer

from avfake.media.types import Note

STATE_DURATION = {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "flv", "flac", "aiff"}
"""Formats that state their duration in the header; for most others libavformat computes it from the
content, or estimates it from a bit rate."""
ROUNDING_SECONDS = 0.5
"""Headers round, and count to the end of the longer stream; a larger difference is missing."""
UNKNOWN_BYTES = 2**31 - 2**16
"""A stated length from this on is a placeholder: the WAV file was written to a pipe."""


def truncation(stated: float | None, there: float) -> tuple[Note, ...]:
    """Return a note if a header states clearly more seconds than there are."""
    if stated is None or stated - there <= ROUNDING_SECONDS:
        return ()
    return (Note("truncated", f"{stated:.1f} s by its header, {there:.1f} s are there"),)


def stated_seconds(
    container: InputContainer, file: Path, *, first_byte: int | None, there: float
) -> float | None:
    """Return the container second at which the last stream ends by the header; None if not stated.

    first_byte: position of the first packet. there: when the last packet ends.
    """
    form = container.format.name
    if form == "wav":
        return _wav_seconds(file, there)
    if form == "avi":
        counted = [
            stream.frames / float(stream.average_rate)
            for stream in container.streams.video
            if stream.frames and stream.average_rate
        ]
        return max(counted, default=None)
    states = form in STATE_DURATION or (form == "mp3" and _counts_frames(file, first_byte))
    return container.duration / 1_000_000 if states and container.duration else None


def _counts_frames(file: Path, first_byte: int | None) -> bool:
    """Return whether an MP3 file has the header that states the number of frames."""
    if not first_byte:
        return False
    with file.open("rb") as opened:
        opened.seek(max(0, first_byte - 2048))
        before = opened.read(min(first_byte, 2048))
    return any(mark in before for mark in (b"Xing", b"Info", b"VBRI"))


def _wav_seconds(file: Path, there: float) -> float | None:
    """Compute the duration from the stated length of the samples, which libavformat ignores."""
    with file.open("rb") as opened:
        head = opened.read(1 << 16)
    at = head.find(b"data")
    stated = int.from_bytes(head[at + 4 : at + 8], "little") if at >= 0 else 0
    held = file.stat().st_size - at - 8
    return there * stated / held if held < stated < UNKNOWN_BYTES else None


HEADERS = {
    "matroska,webm": b"\x1a\x45\xdf\xa3",
    "flv": b"FLV\x01",
    "asf": bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"),
}
"""Format -> the bytes with which each of its files begins."""
MIN_UNSEEN_BYTES = 500_000
"""Less MPEG-TS than this after the last packet holds no stream that libavformat has missed."""


def left_over(form: str, file: Path, last_byte: int) -> tuple[Note, ...]:
    """Return a note if another file, or unannounced streams, begin behind what was read.

    form: name of the container format; last_byte: end of the last packet.
    """
    num_bytes = file.stat().st_size
    start: int | None = None
    if form in HEADERS:
        start = _found(file, HEADERS[form], last_byte)
    elif form in ("wav", "avi"):
        start = _second_riff(file)
    elif form == "mpegts" and num_bytes - last_byte >= MIN_UNSEEN_BYTES:
        start = last_byte
    return () if start is None else (unread(start, num_bytes),)


def unread(start: int, num_bytes: int) -> Note:
    """Return the note that the bytes from `start` on were not read."""
    share = 100 * (1 - start / num_bytes)
    return Note(
        "left_out", f"another file or other streams, in the last {share:.0f} % of the bytes"
    )


def _found(file: Path, mark: bytes, start: int) -> int | None:
    if start >= file.stat().st_size:
        return None
    with file.open("rb") as opened, mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_READ) as held:
        at = held.find(mark, start)
    return at if at >= 0 else None


def _second_riff(file: Path) -> int | None:
    """Return where a second WAV or AVI file begins right behind the first, if there is one."""
    with file.open("rb") as opened:
        first = opened.read(12)
        end = 8 + int.from_bytes(first[4:8], "little")
        end += end % 2
        opened.seek(end)
        second = opened.read(12)
    return end if (second[:4], second[8:]) == (b"RIFF", first[8:]) else None
