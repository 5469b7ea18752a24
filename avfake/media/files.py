"""Endings of media files, and local copies of files inside zip archives or behind URLs."""

import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from avfake.errors import AvfakeError, MediaError, StoreError
from avfake.storage import is_url, name_of, open_path

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
UNREAD_ENDINGS = (
    *("braw", "r3d", "ari", "swf", "bik", "smk", "mod", "m4p", "aax", "wvm", "raw", "pcm", "sln"),
    *("mid", "midi", "heic", "heif", "jxl", "dng", "cr2", "cr3", "nef", "arw", "orf", "rw2"),
    *("raf", "psd", "rar", "7z", "tar", "tgz", "zip"),
)
"""Endings of possible media that are not read: encrypted, without header, no decoder, ambiguous, or
archives other than zip."""


SEPARATOR = "!/"
MAX_UNPACKED_BYTES = 8 << 30
"""The size stated in an archive is not trusted; more than this is taken for a zip bomb."""


@contextmanager
def local_file(path: str | Path, *, max_bytes: int | None = None) -> Iterator[Path]:
    """Yield a readable, non-empty local file: `path` itself or a temporary copy.

    Copied are members of zip archives ("parts.zip!/dir/a.mp4") and files behind URLs of fsspec
    ("s3://bucket/a.mp4"), or both; of a remote archive only the member is read. The copy is removed
    on exit. An existing file whose name contains "!/" takes precedence.

    Args:
        max_bytes: MediaError for a copy that is longer; by default `MAX_UNPACKED_BYTES`.
    """
    name = str(path)
    if not is_url(path) and (SEPARATOR not in name or Path(name).exists()):
        yield _checked(Path(name))
        return
    archive, separator, inner = name.partition(SEPARATOR)
    with tempfile.TemporaryDirectory(prefix="avfake-") as folder:
        # Only the ending of the inner name reaches the disk, so "../" in it is harmless.
        ending = Path(inner).suffix if separator else Path(name_of(name)).suffix.lower()
        copy = Path(folder) / f"unpacked{ending[:16]}"
        limit = MAX_UNPACKED_BYTES if max_bytes is None else max_bytes
        if is_url(path):
            _fetch(archive, inner, copy, max_bytes=limit)
        else:
            _unpack(_checked(Path(archive)), inner, copy, name=name, max_bytes=limit)
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


def _fetch(url: str, inner: str, target: Path, *, max_bytes: int) -> None:
    name = f"{url}{SEPARATOR}{inner}" if inner else url
    try:
        with open_path(url) as source:
            if inner:
                _unpack(source, inner, target, name=name, max_bytes=max_bytes)
            else:
                with target.open("wb") as sink:
                    _copy_at_most(source, sink, max_bytes, name=name)
    except StoreError as error:
        code = "file_missing" if error.is_missing else "unreachable"
        raise MediaError(name, code, error.message) from error


def _unpack(
    archive: Path | IO[bytes], inner: str, target: Path, *, name: str, max_bytes: int
) -> None:
    try:
        with (
            zipfile.ZipFile(archive) as opened,
            opened.open(inner) as source,
            target.open("wb") as sink,
        ):
            _copy_at_most(source, sink, max_bytes, name=name)
    except KeyError as error:
        raise MediaError(name, "file_missing", "no such file in the archive") from error
    except (
        zipfile.BadZipFile,
        zlib.error,
        RuntimeError,
        NotImplementedError,
        EOFError,
    ) as error:
        # RuntimeError: encrypted; NotImplementedError: unknown compression.
        raise MediaError(name, "not_media", str(error)) from error


def _copy_at_most(source: IO[bytes], sink: IO[bytes], max_bytes: int, *, name: str) -> None:
    remaining = max_bytes
    while block := source.read(min(1 << 20, remaining + 1)):
        remaining -= len(block)
        if remaining < 0:
            raise MediaError(name, "not_media", f"unpacks to more than {max_bytes} bytes")
        try:
            sink.write(block)
        except OSError as error:  # the local disk, not the store
            raise AvfakeError(
                f"{sink.name} could not be written: {error.strerror or error}"
            ) from error
