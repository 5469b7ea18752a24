"""Damage to the bytes of a file: at random positions, or where a format keeps its numbers.

    damaged, name = mutate_media(content, ".mp4", random.Random(3))

Every change follows from the generator that is given, so that a seed tells all.
"""

import random
import struct
from collections.abc import Callable, Iterator

Change = Callable[[bytearray, random.Random], bytes | bytearray]

ABSURD = (0, 1, 2, 7, 255, 0x7FFF, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)
"""Numbers at which counters, sizes and signs turn over."""
CONTAINERS = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"edts", b"moof", b"traf", b"mvex"}
TS_BYTES = 188
EBML = {
    b"\x2a\xd7\xb1": "timecode scale",
    b"\x44\x89": "duration",
    b"\xb0": "width",
    b"\xba": "height",
    b"\xe7": "cluster time",
    b"\xb5": "rate",
    b"\x9f": "channels",
    b"\x23\xe3\x83": "default duration",
    b"\xd7": "track number",
    b"\xa3": "block",
}
"""Ids of elements of Matroska with the numbers in question."""


def flip_bits(content: bytearray, rng: random.Random) -> bytearray:
    """Flip one bit, or up to one in a hundred bytes."""
    for _ in range(max(1, round(len(content) * 10 ** rng.uniform(-5, -2)))):
        content[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return content


def flip_in_head(content: bytearray, rng: random.Random) -> bytearray:
    """Flip bits in the first bytes, where the numbers of most formats are."""
    for _ in range(rng.randint(1, 8)):
        content[rng.randrange(min(len(content), 600))] ^= 1 << rng.randrange(8)
    return content


def cut(content: bytearray, rng: random.Random) -> bytearray:
    """Leave out the end."""
    return content[: rng.randrange(len(content))]


def cut_start(content: bytearray, rng: random.Random) -> bytearray:
    """Leave out the beginning."""
    return content[rng.randrange(len(content)) :]


def drop_piece(content: bytearray, rng: random.Random) -> bytearray:
    """Leave out a piece."""
    start, end = _span(content, rng)
    return content[:start] + content[end:]


def repeat_piece(content: bytearray, rng: random.Random) -> bytearray:
    """Insert a piece again, up to twenty times."""
    start, end = _span(content, rng)
    return content[:end] + content[start:end] * rng.randint(1, 20) + content[end:]


def move_piece(content: bytearray, rng: random.Random) -> bytearray:
    """Insert a piece at another place."""
    start, end = _span(content, rng)
    piece, rest = content[start:end], content[:start] + content[end:]
    at = rng.randrange(len(rest) + 1)
    return rest[:at] + piece + rest[at:]


def fill_piece(content: bytearray, rng: random.Random) -> bytearray:
    """Replace a piece by zeros, ones or noise."""
    start, end = _span(content, rng)
    fills = (bytes(end - start), b"\xff" * (end - start), rng.randbytes(end - start))
    content[start:end] = rng.choice(fills)
    return content


def absurd_number(content: bytearray, rng: random.Random) -> bytearray:
    """Write a number at which counters turn over, in either order of bytes."""
    for _ in range(rng.randint(1, 4)):
        _put(content, rng.randrange(max(1, min(len(content), 4000) - 4)), rng)
    return content


def join_twice(content: bytearray, rng: random.Random) -> bytearray:
    """Append the file to itself, whole or damaged."""
    return content + rng.choice((content, flip_bits(bytearray(content), rng)))


ANY: tuple[Change, ...] = (
    *(flip_bits, flip_in_head, cut, cut_start, drop_piece, repeat_piece, move_piece),
    *(fill_piece, absurd_number, join_twice),
)


def mp4_field(content: bytearray, rng: random.Random) -> bytearray:
    """Write absurd numbers into the fields of one box: durations, counts, rates, offsets."""
    leaves = [(at, size) for kind, at, size in boxes(content) if kind != b"mdat" and size > 12]
    if not leaves:
        return absurd_number(content, rng)
    at, size = rng.choice(leaves)
    for _ in range(rng.randint(1, 4)):
        _put(content, at + 8 + 4 * rng.randrange((size - 8) // 4), rng)
    return content


def mp4_size(content: bytearray, rng: random.Random) -> bytearray:
    """State a wrong size of a box."""
    found = list(boxes(content))
    if not found:
        return absurd_number(content, rng)
    _, at, size = rng.choice(found)
    wrong = rng.choice((0, 1, 4, 8, size - 1, size + 1, size // 2, 2 * size, *ABSURD))
    content[at : at + 4] = struct.pack(">I", wrong & 0xFFFFFFFF)
    return content


def mp4_box(content: bytearray, rng: random.Random) -> bytearray:
    """Leave a box out, or insert it again, many times: many streams, many tables."""
    found = [one for one in boxes(content) if one[0] not in (b"mdat", b"moov")]
    if not found:
        return drop_piece(content, rng)
    _, at, size = rng.choice(found)
    times = rng.choice((0, 2, 3, 100))
    changed = content[:at] + content[at : at + size] * times + content[at + size :]
    for kind, start, length in boxes(content):
        if kind in CONTAINERS and start < at < start + length:  # so that the parents hold it
            grown = max(8, length + (times - 1) * size)
            changed[start : start + 4] = struct.pack(">I", grown & 0xFFFFFFFF)
    return changed


def mp4_tracks(content: bytearray, rng: random.Random) -> bytearray:
    """Give the file a hundred tracks or more."""
    found = list(boxes(content))
    tracks = [(at, size) for kind, at, size in found if kind == b"trak"]
    movies = [(at, size) for kind, at, size in found if kind == b"moov"]
    if not tracks or not movies:
        return repeat_piece(content, rng)
    (at, size), (movie, whole), more = rng.choice(tracks), movies[0], rng.randint(50, 400)
    changed = content[:at] + content[at : at + size] * more + content[at:]
    changed[movie : movie + 4] = struct.pack(">I", (whole + more * size) & 0xFFFFFFFF)
    return changed


def ebml_field(content: bytearray, rng: random.Random) -> bytearray:
    """Write absurd numbers into elements of Matroska: scales, durations, sizes, times."""
    for _ in range(rng.randint(1, 3)):
        mark = rng.choice(list(EBML))
        at = content.find(mark, rng.randrange(max(1, min(len(content), 2000))))
        if at < 0 or at + len(mark) + 9 > len(content):
            continue
        length = content[at + len(mark)] & 0x0F or 1
        start = at + len(mark) + 1
        values = (bytes(length), b"\xff" * length, b"\x7f" + b"\xff" * (length - 1))
        content[start : start + length] = rng.choice((*values, rng.randbytes(length)))
    return content


def riff_chunk(content: bytearray, rng: random.Random) -> bytearray:
    """Write absurd numbers into a chunk of WAV or AVI, or state a wrong size of it."""
    marks = (b"RIFF", b"fmt ", b"data", b"avih", b"strh", b"strf", b"idx1", b"movi", b"LIST")
    there = [at for at in (content.find(mark) for mark in marks) if at >= 0]
    if not there:
        return absurd_number(content, rng)
    at = rng.choice(there)
    for _ in range(rng.randint(1, 3)):
        _put(content, at + 4 * rng.randint(1, 12), rng)
    return content


def ts_packets(content: bytearray, rng: random.Random) -> bytearray:
    """Shuffle, drop or renumber packets of MPEG-TS, or change the time stamps in them."""
    packets = [content[at : at + TS_BYTES] for at in range(0, len(content), TS_BYTES)]
    way = rng.randrange(4)
    if way == 0:
        start = rng.randrange(len(packets))
        part = packets[start : start + 50]
        rng.shuffle(part)
        packets[start : start + 50] = part
    elif way == 1:
        packets = [one for one in packets if rng.random() > 0.1]
    for packet in packets if way > 1 else ():
        if rng.random() < 0.3 and len(packet) == TS_BYTES:
            at = packet.find(b"\x00\x00\x01", 4) if way == 2 else 1
            start = at + 9 if way == 2 else 1
            if at >= 0 and start + 5 <= len(packet):  # a time stamp has five bytes, a number two
                length = 5 if way == 2 else 2
                packet[start : start + length] = rng.randbytes(length)
    return bytearray(b"".join(packets))


def ogg_page(content: bytearray, rng: random.Random) -> bytearray:
    """Change position, serial or order numbers of a page; the checksum then differs, too."""
    pages, at = [], content.find(b"OggS")
    while at >= 0:
        pages.append(at)
        at = content.find(b"OggS", at + 4)
    if not pages:
        return absurd_number(content, rng)
    _put(content, rng.choice(pages) + rng.choice((5, 6, 10, 14, 18, 26)), rng)
    return content


SURGERY: dict[str, tuple[Change, ...]] = {
    ".mp4": (mp4_field, mp4_field, mp4_field, mp4_size, mp4_box, mp4_tracks),
    ".mkv": (ebml_field,) * 3,
    ".avi": (riff_chunk,) * 3,
    ".ts": (ts_packets,) * 4,
    ".ogg": (ogg_page,) * 2,
}
SURGERY |= {".mov": SURGERY[".mp4"], ".m4a": SURGERY[".mp4"], ".webm": SURGERY[".mkv"]}
SURGERY |= {".wav": SURGERY[".avi"], ".opus": SURGERY[".ogg"]}


def mutate_media(content: bytes, ending: str, rng: random.Random) -> tuple[bytes, str]:
    """Return the damaged content, and the names of one to three changes."""
    changes = [*ANY, *SURGERY.get(ending, ()) * 2]
    names = []
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        change = rng.choice(changes)
        names.append(change.__name__)
        content = bytes(change(bytearray(content or b"\x00"), rng))
    return content, " + ".join(names)


def boxes(content: bytes | bytearray, start: int = 0, end: int = -1) -> Iterator[tuple]:
    """Yield (kind, start, size) of every box of an MP4 file, also of those inside others."""
    at, end = start, len(content) if end < 0 else end
    while at + 8 <= end:
        size, kind = struct.unpack_from(">I4s", content, at)
        if size < 8:
            return
        yield kind, at, min(size, end - at)
        if kind in CONTAINERS:
            yield from boxes(content, at + 8, min(at + size, end))
        at += size


def _span(content: bytearray, rng: random.Random) -> tuple[int, int]:
    """Return start and end of a piece, of any length up to a quarter of the file."""
    length = max(1, round(len(content) / 4 * 10 ** rng.uniform(-4, 0)))
    start = rng.randrange(max(1, len(content) - length))
    return start, start + length


def _put(content: bytearray, at: int, rng: random.Random) -> None:
    order = rng.choice("<>")
    content[at : at + 4] = struct.pack(f"{order}I", rng.choice((*ABSURD, rng.getrandbits(32))))
