"""Whether a file carries a C2PA manifest: its boxes are read, its signatures are not verified.

Source: C2PA Technical Specification 2.1, "Embedding manifests into various file formats". In
MP4 and its relatives the manifest stands in a `uuid` box of its own, in JPEG in APP11 segments,
both times as JUMBF (ISO/IEC 19566-5): a superbox `jumb` whose description names the content "c2pa".
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

C2PA_BOX = bytes.fromhex("d8fec3d61b0e483c92975828877ec481")
"""Identifier of the `uuid` box of C2PA."""
C2PA_CONTENT = bytes.fromhex("6332706100110010800000aa00389b71")
"""Identifier in the description of a JUMBF superbox that holds manifests."""
MAX_BOXES = 4096
"""Boxes or segments that are looked at; a damaged file could hold any number."""
HEAD_BYTES = 4096
"""Bytes of a box in which its description stands."""
START_OF_IMAGE, APP11, START_OF_SCAN = b"\xff\xd8", 0xEB, 0xDA
BOX_TYPES = (b"ftyp", b"moov", b"mdat", b"free", b"skip", b"wide", b"uuid", b"jumb")


def has_manifest(file: Path) -> bool | None:
    """Return whether the file holds a C2PA manifest; None for a format that is not looked into.

    Looked into: MP4, MOV, M4A, HEIF and other files of such boxes, and JPEG. OSError if the file
    cannot be opened.
    """
    with file.open("rb") as stream:
        start = stream.read(12)
        stream.seek(0)
        if start.startswith(START_OF_IMAGE):
            return any(map(_is_jumbf_of_c2pa, _app11(stream)))
        if start[4:8] in BOX_TYPES:
            return any(
                (kind == b"uuid" and head.startswith(C2PA_BOX))
                or (kind == b"jumb" and C2PA_CONTENT in head)
                for kind, head in _boxes(stream)
            )
    return None


def _boxes(stream: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    """Yield type and first bytes of each box at the top of a file, up to its end or its damage."""
    end = stream.seek(0, 2)
    at = 0
    for _ in range(MAX_BOXES):
        stream.seek(at)
        header = stream.read(16)
        if len(header) < 8:
            return
        size, kind = struct.unpack(">I4s", header[:8])
        before = 8
        if size == 1 and len(header) == 16:
            size, before = struct.unpack(">Q", header[8:])[0], 16
        size = size or end - at  # 0: up to the end of the file
        if size < before:
            return
        stream.seek(at + before)
        yield kind, stream.read(min(HEAD_BYTES, size - before))
        at += size


def _app11(stream: BinaryIO) -> Iterator[bytes]:
    """Yield the content of each APP11 segment before the pixels of a JPEG."""
    stream.seek(2)
    for _ in range(MAX_BOXES):
        marker = stream.read(2)
        if len(marker) < 2 or marker[0] != 0xFF or marker[1] == START_OF_SCAN:
            return
        size = int.from_bytes(stream.read(2), "big")
        if size < 2:
            return
        content = stream.read(size - 2)
        if marker[1] == APP11:
            yield content


def _is_jumbf_of_c2pa(segment: bytes) -> bool:
    """Return whether an APP11 segment begins a JUMBF superbox of C2PA."""
    # "JP", number of the box (2), number of the packet (4), then the box: size (4), type (4).
    return segment[:2] == b"JP" and segment[12:16] == b"jumb" and C2PA_CONTENT in segment
