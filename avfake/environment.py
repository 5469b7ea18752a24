"""What libraries expect of a machine: a user name, a home, cache folders, optional packages.

In a container a process may run as a user without a passwd entry and without a home that can be
written. torch then finds no user name and numba no folder for its cache, and their import fails.
"""

import getpass
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

CACHES = ("NUMBA_CACHE_DIR", "MPLCONFIGDIR")
"""Environment variables of cache folders; those that are set are left alone."""


def provide() -> None:
    """Set user name, home and cache folders in the environment, each only if it is missing."""
    if not hasattr(os, "getuid"):
        return
    try:
        getpass.getuser()
    except (KeyError, OSError):
        os.environ["USER"] = f"uid{os.getuid()}"
    home = Path("~").expanduser() if _has_home() else None
    if home is not None and _can_be_written(os.environ.get("XDG_CACHE_HOME") or home / ".cache"):
        return
    with suppress(OSError):  # without any temporary folder, the first use reports it
        folder = _own_temporary_folder()
        if home is None:
            os.environ["HOME"] = str(folder)
        for name in CACHES:
            os.environ.setdefault(name, str(folder / name.lower()))


def _has_home() -> bool:
    return os.path.isabs(os.path.expanduser("~"))  # noqa: PTH111, PTH117  Path would raise


def _can_be_written(folder: str | Path) -> bool:
    """Return whether a folder, or the nearest existing one above it, can be written."""
    nearest = next((f for f in (Path(folder), *Path(folder).parents) if f.exists()), Path("/"))
    return os.access(nearest, os.W_OK | os.X_OK)


def _own_temporary_folder() -> Path:
    """Return a folder of this user alone, the same in every run: numba executes its content."""
    folder = Path(tempfile.gettempdir()) / f"avfake-{os.getuid()}"
    with suppress(FileExistsError):
        folder.mkdir(mode=0o700)
    found = folder.lstat()
    is_own = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
    return folder if is_own and not found.st_mode & 0o022 else Path(tempfile.mkdtemp())
