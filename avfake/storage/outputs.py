"""Checks of outputs before any work: refuse what cannot be written or would destroy something.

Every verb calls `check_file` or `check_folder` for the path, and `check_table` for the rows of a
table that exists there. `files` does the writing.
"""

import csv
import errno
import io
import os
import stat
import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from avfake.errors import ConfigError
from avfake.storage.files import descriptor_of, is_stream, read_if_there, target_of
from avfake.storage.remote import (
    MEMBER,
    AnyPath,
    as_path,
    beside,
    ending_of,
    inside,
    is_folder,
    is_url,
    name_of,
    state_of,
)

TERMINALS = (4, 5, *range(136, 144))
"""Major device numbers of terminals (Linux)."""
READ_ONLY_STORES = ("http", "https", "zip", "tar", "libarchive")


def check_file(
    out: AnyPath,
    *,
    flag: str = "--out",
    what: str = "table",
    endings: Sequence[str] = (".csv",),
    inputs: Iterable[AnyPath] = (),
    remote: bool = False,
    mark: bytes = b"",
) -> None:
    """Raise ConfigError if a file cannot be written, is an input, or would replace another file.

    Pipes, terminals, /dev/null and open descriptors (/dev/stdout) are accepted: they are written
    through.

    Args:
        flag: what the user wrote before it, for the message
        what: kind of the content, in a word
        endings: those of files of this content; () = any
        inputs: what the command reads; `out` must not be the same file under any name
        remote: URLs can be written, too
        mark: bytes near the start or the end of files that this command wrote, which alone may be
            replaced; b"" = any
    """
    local = _on_disk(out, flag, remote=remote)
    if local is None:
        _check_url(str(out), flag, inputs)
        if is_folder(out):
            raise ConfigError(f"{flag} {out} is a folder; name the {what} in it")
    elif _is_open_stream(local, flag):
        return
    else:
        _check_not_read(local, flag, inputs)
        _check_can_be_written(local, flag, what)
        if is_stream(local):
            return
    names = [out] if local is None else [local, target_of(local)]
    if endings and not any(ending_of(name) in endings for name in names):
        raise ConfigError(
            f"{flag} {out}: a {what} is written as {' or '.join(endings)}; give a name that ends "
            f"so, such as {beside(out, name_of(out).partition('.')[0] + endings[0])}"
        )
    if mark and local is not None and local.exists():
        _check_mark(local, mark, flag)


def check_apart(outs: Mapping[str, AnyPath]) -> None:
    """Raise ConfigError if two outputs are one file; outs: flag -> path or URL."""
    seen: dict[AnyPath, str] = {}
    for flag, out in outs.items():
        target = target_of(out) if isinstance(out, Path) else out
        if target in seen:
            raise ConfigError(f"{seen[target]} and {flag} are one file, {out}; give another name")
        seen[target] = flag


def check_folder(
    out: AnyPath,
    *,
    flag: str = "--out",
    mark: str = "",
    writes: Sequence[str] = (),
    inputs: Iterable[AnyPath] = (),
    remote: bool = False,
) -> None:
    """Raise ConfigError if a folder cannot be written, is an input, or holds other files.

    Args:
        mark: name of a file that shows that this command made the folder; "" = there is none
        writes: names that the command writes into it; none of them may be an input
        inputs, flag, remote: as in `check_file`
    """
    local = _on_disk(out, flag, remote=remote)
    if local is None:
        _check_url(str(out), flag, inputs)
    else:
        found = _stat(local, flag)
        if found is not None and not stat.S_ISDIR(found.st_mode):
            raise ConfigError(f"{flag} {out} is a file; a folder is needed")
        for written in (local, *(local / name for name in writes)):
            _check_not_read(written, flag, inputs)
        _check_can_hold(target_of(local), flag, out)
    others = [name for name in writes if state_of(inside(out, name))]
    if others and not (mark and state_of(inside(out, mark))):
        raise ConfigError(
            f"{flag} {out} holds {', '.join(others[:3])}, which this command did not make; it was "
            "left as it is: give another folder"
        )


def check_table(
    out: AnyPath,
    columns: Sequence[str],
    *,
    flag: str = "--out",
    rows: Callable[[], Collection[str]] | None = None,
    optional: Collection[str] = (),
) -> None:
    """Raise ConfigError if a table there is not of this command, or has rows that would be lost.

    Args:
        columns: of the table that is to be written; the first says which row is which
        rows: gives what stands in the first column of all rows that will be written, and is called
            after the table was read; None = any row may go
        optional: those of `columns` that may be absent
    """
    if isinstance(out, Path) and (is_stream(out) or not out.exists()):
        return
    content = read_if_there(out)
    if not content:
        return
    text = content.decode("utf-8-sig", errors="surrogateescape")
    try:
        header, *lines = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    except (csv.Error, ValueError):
        header, lines = [], []
    fixed = [name for name in header if name not in optional]
    if fixed != [name for name in columns if name not in optional]:
        raise ConfigError(
            f"{flag} {out} is there already and is no table that this command made; it was left "
            "as it is: give another name"
        )
    known = rows() if rows else {cells[0] for cells in lines}
    lost = [cells[0] for cells in lines if cells[0] not in known]
    if lost:
        more = ", ..." if len(lost) > 3 else ""
        raise ConfigError(
            f"{flag} {out} has {len(lost)} rows of other files, which would be lost "
            f"({', '.join(lost[:3])}{more}); give another name, or move it away"
        )


def _check_mark(path: Path, mark: bytes, flag: str) -> None:
    with path.open("rb") as file:
        found = file.read(4096)
        file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
        found += file.read()
    if found and mark not in found:
        raise ConfigError(
            f"{flag} {path} is there already and was not made by this command; it was left as it "
            "is: give another name"
        )


def _on_disk(out: AnyPath, flag: str, *, remote: bool) -> Path | None:
    """Return the path on this machine's disk; None for the URL of another store."""
    if str(out) == "":
        as_path("")  # raises ConfigError
    scheme, sign, rest = str(out).partition(":/")
    is_address = is_url(str(out)) or (sign and scheme.isalnum() and len(scheme) > 1)
    if not is_address or Path(scheme + ":").is_dir():
        return Path(out)
    if not remote:
        raise ConfigError(f"{flag} {out}: this is written to a disk here, not to a URL")
    if scheme != "file":
        return None
    path = Path("/" + rest.lstrip("/"))
    if os.path.lexists(path) and (path.is_symlink() or not (path.is_file() or path.is_dir())):
        raise ConfigError(f"{flag} {out}: give links, pipes and devices as a path: {path}")
    return path


def _check_url(url: str, flag: str, inputs: Iterable[AnyPath]) -> None:
    if urlsplit(url).scheme in READ_ONLY_STORES:
        raise ConfigError(f"{flag} {url}: nothing can be written to such a URL (docs/remote.md)")
    if url.rstrip("/") in {str(one).partition(MEMBER)[0].rstrip("/") for one in inputs}:
        raise ConfigError(f"{flag} {url} is also read by this command; give another name")


def _is_open_stream(path: Path, flag: str) -> bool:
    """Return whether a path is an open descriptor; ConfigError if it is not open for writing."""
    _stat(path, flag)  # first, for its message on a name that is too long
    descriptor = descriptor_of(path)
    if descriptor is None:
        return False
    try:
        os.write(descriptor, b"")
    except OSError as error:
        raise ConfigError(f"{flag} {path} is not open for writing ({error.strerror})") from error
    _check_device(path, path.stat(), flag)
    return True


def _check_can_be_written(path: Path, flag: str, what: str) -> None:
    found = _stat(path, flag)
    if found is not None:
        is_file = stat.S_ISREG(found.st_mode)
        if stat.S_ISDIR(found.st_mode):
            raise ConfigError(f"{flag} {path} is a folder; name the {what} in it")
        _check_device(path, found, flag)
        if is_file and found.st_nlink > 1:
            raise ConfigError(
                f"{flag} {path} is one of {found.st_nlink} names (hard links) of the same file, "
                "and the others would lose what they show; give another name"
            )
        if not os.access(path, os.W_OK):
            raise ConfigError(f"{flag} {path} may not be written (its permissions say so)")
        if not is_file:
            return
    _check_can_hold(target_of(path).parent, flag, path)


def _check_device(path: Path, found: os.stat_result, flag: str) -> None:
    """Raise ConfigError for a device other than a terminal or /dev/null."""
    if stat.S_ISBLK(found.st_mode) or stat.S_ISSOCK(found.st_mode):
        raise ConfigError(f"{flag} {path} is a device or a socket; give the name of a file")
    is_null = found.st_rdev == os.stat(os.devnull).st_rdev  # noqa: PTH116
    if stat.S_ISCHR(found.st_mode) and not is_null and os.major(found.st_rdev) not in TERMINALS:
        raise ConfigError(f"{flag} {path} is a device; give the name of a file")


def _check_can_hold(folder: Path, flag: str, out: AnyPath) -> None:
    """Raise ConfigError unless a file can be made in a folder, or in the nearest one above it."""
    while not os.path.lexists(folder) and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir():
        raise ConfigError(f"{flag} {out}: {folder} is a file, no folder to write into")
    if not os.access(folder, os.W_OK):
        raise ConfigError(f"{flag} {out}: no permission to write into {folder}")
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(4096))
            file.flush()
    except OSError as error:
        raise ConfigError(
            f"{flag} {out}: nothing can be written into {folder} ({error.strerror})"
        ) from error


def _check_not_read(path: Path, flag: str, inputs: Iterable[AnyPath]) -> None:
    """Raise ConfigError if a path is the same file as an input."""
    found = _stat(path, flag)
    if found is None:
        return
    for one in inputs:
        for name in dict.fromkeys((str(one), str(one).partition(MEMBER)[0])):
            try:
                read = None if _is_elsewhere(name) else os.stat(name.removeprefix("file://"))  # noqa: PTH116
            except OSError:
                continue
            if read is not None and os.path.samestat(found, read):
                raise ConfigError(
                    f"{flag} {path} is also read by this command ({name}); give another name"
                )


def _is_elsewhere(name: str) -> bool:
    return is_url(name) and not name.startswith("file://")


def _stat(path: Path, flag: str) -> os.stat_result | None:
    """Return the state of a path, None if there is no such file; ConfigError if unreadable."""
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        explained = {
            errno.ENAMETOOLONG: "the name is too long for a file",
            errno.ELOOP: "the link leads to itself",
        }.get(error.errno or 0, error.strerror)
        raise ConfigError(f"{flag} {path} cannot be written: {explained}") from error
