"""Files joined end to end of which libavformat reads the first alone, or the first few."""

import mmap
from pathlib import Path

from avfake.media.types import Note

HEADERS = {
    "matroska,webm": b"\x1a\x45\xdf\xa3",
    "flv": b"FLV\x01",
    "asf": bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c"),
}
"""Format -> the bytes with which every file of it begins."""
MIN_UNSEEN_BYTES = 500_000
"""Of MPEG-TS after the last packet. Less of it holds no stream that libavformat has not found."""


def left_over(form: str, file: Path, last_byte: int) -> tuple[Note, ...]:
    """A note where another file, or streams that were not told of, begin behind what was read.

    form: of the container; last_byte: end of the last packet.
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
    """The note on a file of which the bytes from `start` on were not read."""
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
    """Where a second WAV or AVI file begins, right behind the first; not a further part of it."""
    with file.open("rb") as opened:
        first = opened.read(12)
        end = 8 + int.from_bytes(first[4:8], "little")
        end += end % 2
        opened.seek(end)
        second = opened.read(12)
    return end if (second[:4], second[8:]) == (b"RIFF", first[8:]) else None
