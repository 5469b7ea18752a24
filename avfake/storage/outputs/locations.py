"""Check a path or URL: it can be written, and is not one of the inputs."""

import errno
import os
import stat
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from avfake.errors import ConfigError
from avfake.storage.files import descriptor_of, is_stream, target_of
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

TABLE = (".csv",)
TERMINALS = (4, 5, *range(136, 144))
"""Major device numbers of terminals (Linux)."""
READ_ONLY_STORES = ("http", "https", "zip", "tar", "libarchive")


def check_file(
    out: AnyPath,
    *,
    flag: str = "--out",
    what: str = "table",
    endings: Sequence[str] = TABLE,
    inputs: Iterable[AnyPath] = (),
    remote: bool = False,
) -> None:
    """Raise ConfigError if a file cannot be written, or is an input.

    Pipes, terminals, /dev/null and open descriptors (/dev/stdout) are accepted: they are written
    through.

    Args:
        flag: what the user wrote before it, for the message
        what: kind of the content, in a word
        endings: those of files of this content; () = any
        inputs: what the command reads; `out` must not be the same file under any name
        remote: URLs can be written, too
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


def check_apart(outs: Mapping[str, AnyPath]) -> None:
    """Raise ConfigError if two outputs are one file; outs: flag -> path or URL."""
    seen: dict[AnyPath, str] = {}
    for flag, out in outs.items():
        place = target_of(out) if isinstance(out, Path) else out
        if place in seen:
            raise ConfigError(f"{seen[place]} and {flag} are one file, {out}; give another name")
        seen[place] = flag


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


def _on_disk(out: AnyPath, flag: str, *, remote: bool) -> Path | None:
    """Path on this machine's disk; None for the URL of another store."""
    if str(out) == "":
        as_path("")  # says what is wrong with it
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
    """Whether a path is an open descriptor; ConfigError if it is not open for writing."""
    _stat(path, flag)  # first, for its message on a name that is too long
    descriptor = descriptor_of(path)
    if descriptor is None:
        return False
    try:
        os.write(descriptor, b"")
    except OSError as error:
        raise ConfigError(f"{flag} {path} is not open for writing ({error.strerror})") from error
    _check_device(path, flag)
    return True


def _check_can_be_written(path: Path, flag: str, what: str) -> None:
    found = _stat(path, flag)
    if found is not None:
        if stat.S_ISDIR(found.st_mode):
            raise ConfigError(f"{flag} {path} is a folder; name the {what} in it")
        _check_device(path, flag)
        if stat.S_ISREG(found.st_mode) and found.st_nlink > 1:
            raise ConfigError(
                f"{flag} {path} is one of {found.st_nlink} names (hard links) of the same file, "
                "and the others would lose what they show; give another name"
            )
        if not os.access(path, os.W_OK):
            raise ConfigError(f"{flag} {path} may not be written (its permissions say so)")
        if not stat.S_ISREG(found.st_mode):
            return
    _check_can_hold(target_of(path).parent, flag, path)


def _check_device(path: Path, flag: str) -> None:
    """Raise ConfigError for a device other than a terminal or /dev/null."""
    found = path.stat()
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
            read = _stat_of_input(name)
            if read is not None and os.path.samestat(found, read):
                raise ConfigError(
                    f"{flag} {path} is also read by this command ({name}); give another name"
                )


def _stat_of_input(name: str) -> os.stat_result | None:
    if is_url(name):
        if not name.startswith("file://"):
            return None
        name = name.removeprefix("file://")
    try:
        return os.stat(name)  # noqa: PTH116
    except OSError:
        return None


def _stat(path: Path, flag: str) -> os.stat_result | None:
    """State of a path, None if there is no such file; ConfigError if it cannot be read."""
    try:
        return path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        said = {
            errno.ENAMETOOLONG: "the name is too long for a file",
            errno.ELOOP: "the link leads to itself",
        }.get(error.errno or 0, error.strerror)
        raise ConfigError(f"{flag} {path} cannot be written: {said}") from error
