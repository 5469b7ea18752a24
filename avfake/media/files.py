"""Endings of media files, and local copies of files inside zip archives or behind URLs."""

import errno
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from avfake import limits
from avfake.errors import AvfakeError, MediaError, StoreError
from avfake.storage import as_path

ENDINGS: dict[str, tuple[str, ...]] = {
    "video": (
        *("mp4", "mov", "avi", "mkv", "webm", "mpg", "mpeg", "m4v", "3gp", "ts", "wmv", "flv"),
        *("mts", "m2ts", "m2t", "trp", "tp", "vob", "evo", "vro", "tod", "m2p", "m1v", "m2v"),
        *("mpe", "mpv", "mp4v", "3g2", "3gpp", "3gp2", "f4v", "asf", "wtv", "dvr-ms", "ogv"),
        *("ogm", "mxf", "gxf", "mk3d", "qt", "divx", "rm", "rmvb", "nut", "ivf", "obu", "dv"),
        *("y4m", "mjpeg", "mjpg", "h264", "264", "avc", "hevc", "h265", "265", "h266", "266"),
        *("vvc", "vc1", "h263", "h261", "amv", "dav", "nsv", "lrv", "insv", "ismv", "mj2"),
    ),
    "audio": (
        *("wav", "flac", "mp3", "ogg", "opus", "m4a", "aac", "aif", "aiff", "wma"),
        *("aifc", "caf", "au", "snd", "amr", "awb", "3ga", "ac3", "eac3", "ec3", "dts", "dtshd"),
        *("mlp", "thd", "wv", "ape", "tta", "tak", "mpc", "shn", "mka", "oga", "ogx", "spx"),
        *("weba", "gsm", "g722", "mp2", "mp1", "mpa", "m4b", "m4r", "w64", "rf64", "bwf", "wave"),
        *("voc", "ra", "adts", "loas", "latm", "dsf", "dff", "sph", "nist", "qcp", "aa3", "oma"),
    ),
    "picture": (
        *("jpg", "jpeg", "jpe", "jfif", "png", "webp", "bmp", "tif", "tiff", "gif", "apng"),
        *("jp2", "avif"),
    ),
}
"""Kind of media -> file endings (upper or lower case) that the ffmpeg of PyAV can decode."""
SEPARATOR = "!/"
BAD_ARCHIVE = (zipfile.BadZipFile, zlib.error, RuntimeError, NotImplementedError, EOFError)
"""Exceptions of zipfile; RuntimeError: encrypted; NotImplementedError: unknown compression."""


@contextmanager
def local_file(path: str | Path) -> Iterator[Path]:
    """Yield a readable, non-empty local file: `path` itself or a temporary copy.

    Copied are members of zip archives ("parts.zip!/dir/a.mp4") and files behind URLs of fsspec
    ("s3://bucket/a.mp4"), or both; of a remote archive only the member is read. The copy is removed
    on exit. An existing file whose name contains "!/" takes precedence.
    """
    name, place = str(path), as_path(path)
    if isinstance(place, Path) and (SEPARATOR not in name or place.exists()):
        yield _checked(place)
        return
    archive, separator, inner = name.partition(SEPARATOR)
    with tempfile.TemporaryDirectory(prefix="avfake-") as folder:
        # Only the ending of the inner name reaches the disk, so "../" in it is harmless.
        ending = Path(inner).suffix if separator else place.suffix.lower()
        copy = Path(folder) / f"unpacked{ending[:16]}"
        with _opened(archive, inner, name) as source, copy.open("wb") as sink:
            _copy(source, sink, name)
        if copy.stat().st_size == 0:
            raise MediaError(name, "empty_file")
        yield copy


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


@contextmanager
def _opened(archive: str, inner: str, name: str) -> Iterator[IO[bytes]]:
    """Open a file behind a URL, or the member `inner` of an archive; errors are `MediaError`s."""
    place = as_path(archive)
    try:
        with (_checked(place) if isinstance(place, Path) else place).open("rb") as outer:
            if not inner:
                yield outer
                return
            with zipfile.ZipFile(outer) as opened, opened.open(inner) as source:
                yield source
    except StoreError as error:
        code = "file_missing" if error.is_missing else "unreachable"
        raise MediaError(name, code, error.message) from error
    except KeyError as error:
        raise MediaError(name, "file_missing", "no such file in the archive") from error
    except BAD_ARCHIVE as error:
        raise MediaError(name, "not_media", str(error)) from error
    except OSError as error:
        if error.errno != errno.EINVAL:  # the archive names a place before its start
            raise
        raise MediaError(name, "not_media", "the archive is damaged") from error


def _copy(source: IO[bytes], sink: IO[bytes], name: str) -> None:
    allowed = limits.current().unpacked_gigabytes  # the size that an archive states is not trusted
    remaining = round(1e9 * allowed)
    while block := source.read(min(1 << 20, remaining + 1)):
        remaining -= len(block)
        if remaining < 0:
            raise MediaError(name, "too_large", f"it unpacks to more than {allowed:g} GB")
        try:
            sink.write(block)
        except OSError as error:  # the local disk, not the store
            raise AvfakeError(
                f"{sink.name} could not be written: {error.strerror or error}"
            ) from error
