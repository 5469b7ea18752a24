"""Files written whole or not at all, here or behind a URL, and the tables every verb leaves."""

import csv
import hashlib
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from avfake.errors import AvfakeError, StoreError
from avfake.remote import Place, ending_of, read_url, state_of, write_url


def write_whole(path: Place, content: str | bytes) -> None:
    """Write a file so that a kill at any moment leaves the old content or the new, never half."""
    if isinstance(content, str):
        # surrogateescape: file names that are not UTF-8 come back as they were.
        content = content.encode("utf-8", errors="surrogateescape")
    if isinstance(path, str):
        write_url(path, content)
    else:
        _write_on_disk(path, content)


def read_if_there(path: Place) -> bytes | None:
    """All the bytes of a file; None if there is no such file. StoreError, OSError otherwise."""
    if isinstance(path, Path):
        return path.read_bytes() if path.is_file() else None
    try:
        return read_url(path)
    except StoreError as error:
        if error.is_missing:
            return None
        raise


def cached(place: Place) -> Path:
    """A file on this machine's disk: the place itself, or a lasting copy of what a URL leads to.

    Copies lie in the folder AVFAKE_CACHE, by default ~/.cache/avfake, until someone deletes them. A
    process asks the store once whether the file has changed since.
    """
    return place if isinstance(place, Path) else _copy_of(place)


@cache
def _copy_of(url: str) -> Path:
    folder = Path(os.environ.get("AVFAKE_CACHE") or Path.home() / ".cache" / "avfake")
    name = hashlib.sha256(f"{url} {state_of(url)}".encode(errors="surrogateescape")).hexdigest()
    copy = folder / name[:2] / (name + ending_of(url))
    if not copy.is_file():
        write_whole(copy, read_url(url))
    return copy


def write_table(path: Place, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a csv with these columns, whole or not at all; None becomes an empty cell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, text.getvalue())


def _write_on_disk(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        with suppress(OSError):  # what may be left of it need not be there, nor its folder
            partial.unlink()
        raise AvfakeError(f"{path} could not be written: {error.strerror or error}") from error
