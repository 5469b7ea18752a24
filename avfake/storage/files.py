"""Files and tables that are written whole or not at all, on disk or behind a URL."""

import csv
import hashlib
import io
import os
import re
import shutil
import socket
import stat
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from functools import cache
from itertools import chain
from pathlib import Path
from typing import IO, Any

from avfake.errors import AvfakeError, StoreError
from avfake.storage.remote import AnyPath, Url, fitting, state_of


def write_whole(path: AnyPath, content: str | bytes) -> None:
    """Write a file so that a kill at any moment leaves the old content or the new, never half.

    Links are followed. The content is written through a pipe, a terminal or a descriptor such as
    /dev/stdout, which is not replaced.
    """
    if isinstance(content, str):
        content = _encoded(path, content)
    if isinstance(path, Url):
        path.write_bytes(content)
        return
    with _naming(path):
        if is_stream(path):
            with _open_stream(path) as stream:
                stream.write(content)
        else:
            with replacing(path) as partial:
                partial.write_bytes(content)


def _encoded(path: AnyPath, text: str) -> bytes:
    """Return the text as UTF-8; AvfakeError for half of a character."""
    try:
        # surrogateescape: file names that are not UTF-8 come back as they were.
        return text.encode("utf-8", errors="surrogateescape")
    except UnicodeEncodeError as error:
        around = text[max(0, error.start - 40) : error.end]
        raise AvfakeError(
            f"{path} was not written: its text holds half of a character, as JSON and YAML write "
            f"it by an escape ({around!r}); correct the table or the spec that it comes from"
        ) from error


@contextmanager
def replacing(path: Path, ending: str = "") -> Iterator[Path]:
    """Give a temporary name; the file or folder made there replaces `path` if nothing raises.

    For what is too large for memory; otherwise as `write_whole`.

    ending: of the temporary name, for a writer that chooses its format by it.
    """
    with _naming(path):
        if is_stream(path):
            with tempfile.TemporaryDirectory(prefix="avfake-") as folder:
                whole = Path(folder) / f"whole{ending}"
                yield whole
                with whole.open("rb") as source, _open_stream(path) as stream:
                    shutil.copyfileobj(source, stream)
            return
        target = resolved(path)
        # With an ending it is for ffmpeg's writer, which adds to the name.
        name = target.name
        if ending:  # inside of another one the target has such a name itself
            name = "inner" if _LEFT.fullmatch(target.name) else "whole"
        partial = target.with_name(fitting(f".{name}.partial-{_this_process()}{ending}"))
        before = target.with_name(fitting(f".{target.name}.before-{_this_process()}"))
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            yield partial
            if partial.is_dir() and target.exists():
                target.rename(before)
            elif target.exists():
                shutil.copymode(target, partial)
            partial.replace(target)
        finally:
            for left in (partial, before):
                shutil.rmtree(left, ignore_errors=True)
            with suppress(OSError):  # what may be left of it need not be there, nor its folder
                partial.unlink()


def remove_partials(path: AnyPath) -> None:
    """Remove what `replacing` was writing in processes of this machine that were killed.

    All that lies below a folder; of a file, what lies beside it. A folder that was to be replaced
    when the process was killed gets its name back. Nothing is done behind a URL.
    """
    if not isinstance(path, Path):
        return
    if path.is_dir():
        found = [Path(at, name) for at, *names in os.walk(path) for name in chain(*names)]
    else:
        target = resolved(path)
        found = [target.with_name(name) for name in _names_in(target.parent)]
        found = [one for one in found if one.name.startswith(f".{target.name}.")]
    for left in found:
        match = _LEFT.fullmatch(left.name)
        if match is None or match["host"] != _host() or _is_alive(int(match["process"])):
            continue
        target = left.with_name(match["name"])
        if match["kind"] == "before" and not target.exists():
            left.rename(target)
        shutil.rmtree(left, ignore_errors=True)
        with suppress(OSError):  # not ours to remove, or gone meanwhile
            left.unlink(missing_ok=True)


_LEFT = re.compile(
    r"\.(?P<name>.+)\.(?P<kind>partial|before)-(?P<host>[^/]+)-(?P<process>\d+)(\.\w+)?", re.DOTALL
)


def _names_in(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)  # noqa: PTH208  (of a name that need not be there)
    except OSError:
        return []


def _this_process() -> str:
    """Return machine and number of this process: containers that share a disk share numbers."""
    return f"{_host()}-{os.getpid()}"


def _host() -> str:
    return re.sub(r"[^\w.-]", "_", socket.gethostname())[:64] or "host"


def _is_alive(process: int) -> bool:
    """Return whether a process of this machine runs; True where that cannot be known."""
    if os.name != "posix":
        return True  # asking would end it
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Turn every OSError inside into an AvfakeError that names the path."""
    try:
        yield
    except OSError as error:
        if isinstance(error, BrokenPipeError) and descriptor_of(path) is not None:
            raise  # the reader of the output has closed it: no error
        cause = error.strerror or " ".join(str(error).split())[:300]
        raise AvfakeError(f"{path} could not be written: {cause}") from error


def is_stream(path: Path) -> bool:
    """Return whether a path is a descriptor, pipe or device: written through, not replaced.

    OSError if its state cannot be read.
    """
    if descriptor_of(path) is not None:
        return True
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def descriptor_of(path: Path) -> int | None:
    """Return the number of the descriptor that a path stands for, 1 for /dev/stdout, or None."""
    folders = {"/dev/fd", f"/proc/{os.getpid()}/fd"}
    for _ in range(40):  # as many links as a kernel follows
        folder, name = resolved(path.parent), path.name
        if str(folder) in folders and name.isdigit():
            return int(name)
        if not path.is_symlink():
            return None
        path = Path(folder, path.readlink())
    return None


def target_of(path: AnyPath) -> AnyPath | None:
    """Return what is written under a name: a URL itself, a path `resolved`; None for a stream."""
    if isinstance(path, Url):
        return path
    return None if is_stream(path) else resolved(path)


def resolved(path: Path) -> Path:
    """Return a path with all links resolved; the file need not exist."""
    try:
        return Path(os.path.realpath(path))
    except FileNotFoundError as error:
        raise AvfakeError(
            f"{path}: the folder you are in is gone; change to another, or give a path from /"
        ) from error


def read_if_there(path: AnyPath) -> bytes | None:
    """Return the bytes of a file; None if there is no such file. StoreError, OSError otherwise."""
    if isinstance(path, Path) and not path.is_file():
        return None
    try:
        return path.read_bytes()
    except StoreError as error:
        if error.is_missing:
            return None
        raise


def cached(path: AnyPath) -> Path:
    """Return a file on this machine's disk: the path itself, or a lasting copy of a URL's file.

    Copies lie in `cache_folder` until someone deletes them. A process asks the store once whether
    the file has changed since.
    """
    return path if isinstance(path, Path) else _copy_of(path)


def cache_folder() -> Path:
    """Return the folder of what can be made again: AVFAKE_CACHE, by default ~/.cache/avfake."""
    if named := os.environ.get("AVFAKE_CACHE"):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "avfake"


@cache
def _copy_of(url: Url) -> Path:
    name = hashlib.sha256(f"{url} {state_of(url)}".encode(errors="surrogateescape")).hexdigest()
    copy = cache_folder() / name[:2] / (name + url.suffix.lower())
    if not copy.is_file():
        write_whole(copy, url.read_bytes())
    return copy


def write_table(path: AnyPath, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a csv with these columns, whole or not at all; None becomes an empty cell."""
    text, rows = io.StringIO(), list(rows)
    # Before Python 3.13 the writer does not quote a carriage return, which ends a row when read.
    returns = any("\r" in cell for row in rows for cell in row.values() if isinstance(cell, str))
    writer = csv.DictWriter(
        text, columns, lineterminator="\n", quoting=csv.QUOTE_ALL if returns else csv.QUOTE_MINIMAL
    )
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, text.getvalue())


def _open_stream(path: Path) -> IO[bytes]:
    """Open a stream for writing without creating or truncating anything."""
    descriptor = descriptor_of(path)
    if descriptor is None:
        return os.fdopen(os.open(path, os.O_WRONLY), "wb")
    return os.fdopen(os.dup(descriptor), "wb")
