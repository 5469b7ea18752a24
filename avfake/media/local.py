"""Files inside zip archives, made to look like files on disk."""

import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from avfake.errors import MediaError

SEPARATOR = "!/"
MAX_UNPACKED_BYTES = 8 << 30
"""An archive's own word on a file's size is not trusted; more than this is a zip bomb."""


@contextmanager
def local_file(path: str | Path, *, max_bytes: int = MAX_UNPACKED_BYTES) -> Iterator[Path]:
    """A readable, non-empty file: `path` itself, or a temporary copy of "parts.zip!/dir/a.mp4".

    The copy is removed on leaving. An existing file whose name happens to hold "!/" wins.
    """
    name = str(path)
    if SEPARATOR not in name or Path(name).exists():
        yield _checked(Path(name))
        return
    archive, inner = name.split(SEPARATOR, maxsplit=1)
    with tempfile.TemporaryDirectory(prefix="avfake-") as folder:
        # Only the ending of the inner name reaches the disk, so "../" in it is harmless.
        unpacked = Path(folder) / f"unpacked{Path(inner).suffix[:16]}"
        _unpack(_checked(Path(archive)), inner, unpacked, max_bytes=max_bytes)
        if unpacked.stat().st_size == 0:
            raise MediaError(name, "empty_file")
        yield unpacked


def _checked(file: Path) -> Path:
    try:
        size = file.stat().st_size
    except OSError as error:
        raise MediaError(file, "file_missing", error.strerror or "") from error
    if not file.is_file():
        raise MediaError(file, "not_media", "not a regular file")
    if size == 0:
        raise MediaError(file, "empty_file")
    return file


def _unpack(archive: Path, inner: str, target: Path, *, max_bytes: int) -> None:
    name = f"{archive}{SEPARATOR}{inner}"
    try:
        with (
            zipfile.ZipFile(archive) as opened,
            opened.open(inner) as source,
            target.open("wb") as sink,
        ):
            _copy_at_most(source, sink, max_bytes, name=name)
    except KeyError as error:
        raise MediaError(name, "file_missing", "no such file in the archive") from error
    except (zipfile.BadZipFile, RuntimeError, NotImplementedError, EOFError) as error:
        # RuntimeError: encrypted; NotImplementedError: a compression zipfile does not know.
        raise MediaError(name, "not_media", str(error)) from error


def _copy_at_most(source: IO[bytes], sink: IO[bytes], max_bytes: int, *, name: str) -> None:
    remaining = max_bytes
    while block := source.read(min(1 << 20, remaining + 1)):
        remaining -= len(block)
        if remaining < 0:
            raise MediaError(name, "not_media", f"unpacks to more than {max_bytes} bytes")
        sink.write(block)
