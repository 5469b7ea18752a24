"""What libraries take for granted of a machine, provided where it is missing.

In a container a process may run as a user that the machine does not know, without a home or with
one that cannot be written. torch then finds no user name and numba no place for its cache, and
neither can be imported.
"""

import getpass
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

CACHES = ("NUMBA_CACHE_DIR", "MPLCONFIGDIR")
"""Variables that say where a library keeps what it made; those that are set stay as they are."""


def provide() -> None:
    """Set a user name, a home and folders for caches in the environment, each if it is missing."""
    if not hasattr(os, "getuid"):
        return
    try:
        getpass.getuser()
    except (KeyError, OSError):
        os.environ["USER"] = f"uid{os.getuid()}"
    home = Path("~").expanduser() if _has_home() else None
    if home is not None and _can_be_written(os.environ.get("XDG_CACHE_HOME") or home / ".cache"):
        return
    with suppress(OSError):  # without a temporary folder, the first who needs one says so
        folder = _own_temporary_folder()
        if home is None:
            os.environ["HOME"] = str(folder)
        for name in CACHES:
            os.environ.setdefault(name, str(folder / name.lower()))


def _has_home() -> bool:
    return os.path.isabs(os.path.expanduser("~"))  # noqa: PTH111, PTH117  Path would raise


def _can_be_written(folder: str | Path) -> bool:
    """Whether files can be made in a folder, or it itself in the one above."""
    nearest = next((f for f in (Path(folder), *Path(folder).parents) if f.exists()), Path("/"))
    return os.access(nearest, os.W_OK | os.X_OK)


def _own_temporary_folder() -> Path:
    """The same in every run of a user, and nobody else's: numba executes what it finds in it."""
    folder = Path(tempfile.gettempdir()) / f"avfake-{os.getuid()}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    is_own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    return folder if is_own and not found.st_mode & 0o022 else Path(tempfile.mkdtemp())
