"""How long a file is by its own header, where it says so: to tell whether its end is missing."""

from pathlib import Path

from av.container import InputContainer

from avfake.media.types import Note

STATE_DURATION = {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "flv", "flac", "aiff"}
"""Formats whose duration stands in their header; of most others libavformat works it out from what
is there, or guesses it from a bit rate."""
ROUNDING_SECONDS = 0.5
"""Headers round, and count on to the end of the longer stream; more than this is missing."""
UNKNOWN_BYTES = 2**31 - 2**16
"""Length from which on it is a placeholder: the WAV file was written to a pipe."""


def truncation(stated: float | None, there: float) -> tuple[Note, ...]:
    """A note where a header states clearly more seconds than are there."""
    if stated is None or stated - there <= ROUNDING_SECONDS:
        return ()
    return (Note("truncated", f"{stated:.1f} s by its header, {there:.1f} s are there"),)


def stated_seconds(
    container: InputContainer, file: Path, *, first_byte: int | None, there: float
) -> float | None:
    """The container second at which the last stream ends, by the header; None if it says nothing.

    first_byte: where the first packet lies. there: when the last packet ends.
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
    """Whether an MP3 file has the header that tells how many frames follow."""
    if not first_byte:
        return False
    with file.open("rb") as opened:
        opened.seek(max(0, first_byte - 2048))
        before = opened.read(min(first_byte, 2048))
    return any(mark in before for mark in (b"Xing", b"Info", b"VBRI"))


def _wav_seconds(file: Path, there: float) -> float | None:
    """By the length that its header gives to the samples, of which libavformat makes no use."""
    with file.open("rb") as opened:
        head = opened.read(1 << 16)
    at = head.find(b"data")
    stated = int.from_bytes(head[at + 4 : at + 8], "little") if at >= 0 else 0
    held = file.stat().st_size - at - 8
    return there * stated / held if held < stated < UNKNOWN_BYTES else None
