"""Files that users sent: each in a folder of its own, known by its path, gone after its answer.

A job names its file by the path that the upload returned. Only such a path is accepted, and it is
compared as a text: no path that a client makes up is ever opened.
"""

import shutil
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from avfake.web.answering import Job

PREFIX = "avfake-serve-"
UNASKED_SECONDS = 900.0
"""A file that was sent, but not asked about, is removed after so long."""
SPARE_BYTES = 200 * 10**6
"""Space that is left free on the disk."""
LOCK = "lock"


@dataclass
class Uploads:
    """The folder of the server: files that wait in `sent`, jobs at work in `jobs`."""

    root: Path
    most: int
    """Files that may lie here before they are asked about."""
    _waiting: dict[str, float] = field(default_factory=dict)
    """Path of each file that waits -> when it came, on the monotonic clock."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        for folder in (self.sent, self.jobs):
            folder.mkdir()

    @property
    def sent(self) -> Path:
        """Folder of the files that wait, one folder an upload."""
        return self.root / "sent"

    @property
    def jobs(self) -> Path:
        """Folder of the jobs at work."""
        return self.root / "jobs"

    def has_space(self, num_bytes: int) -> bool:
        """Return whether the disk has space for a file and for work on it."""
        return shutil.disk_usage(self.root).free > num_bytes + SPARE_BYTES

    def is_full(self) -> bool:
        """Return whether too many files wait, after those that no one asked about are removed."""
        with self._lock:
            oldest = time.monotonic() - UNASKED_SECONDS
            forgotten = [path for path, since in self._waiting.items() if since < oldest]
            for path in forgotten:
                del self._waiting[path]
                self._remove(path)
            return len(self._waiting) >= self.most

    @contextmanager
    def receiving(self) -> Iterator[Path]:
        """Give a new folder for one upload; it is removed if the upload does not succeed."""
        folder = Path(tempfile.mkdtemp(dir=self.sent))
        try:
            yield folder
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def add(self, path: str) -> None:
        """Accept this path in jobs."""
        with self._lock:
            self._waiting[path] = time.monotonic()

    def __contains__(self, path: object) -> bool:
        return isinstance(path, str) and path in self._waiting

    @contextmanager
    def job(self, path: str) -> Iterator[Job]:
        """Move a file that was sent into the folder of a job, which is removed at the end.

        KeyError for any path but one that `add` was given and no job has taken.
        """
        with self._lock:
            del self._waiting[path]
        with self._folder() as folder:
            name = Path(path).name
            Path(path).replace(folder / name)
            self._remove(path)
            yield Job(folder, name)

    @contextmanager
    def copied_job(self, file: Path) -> Iterator[Job]:
        """Copy a file of the server's own into the folder of a job."""
        with self._folder() as folder:
            shutil.copyfile(file, folder / file.name)
            yield Job(folder, file.name)

    @contextmanager
    def _folder(self) -> Iterator[Path]:
        folder = Path(tempfile.mkdtemp(dir=self.jobs))
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _remove(self, path: str) -> None:
        """Remove the folder in `sent` that a path lies in."""
        inside = Path(path).relative_to(self.sent)
        shutil.rmtree(self.sent / inside.parts[0], ignore_errors=True)


@contextmanager
def temporary_root() -> Iterator[Path]:
    """Give a folder that is removed on exit, and remove those of servers that were killed.

    A lock on a file in it shows that its server is alive; the system frees it with the process.
    """
    base = Path(tempfile.gettempdir())
    for old in base.glob(f"{PREFIX}*"):
        with suppress(OSError), (old / LOCK).open("rb") as file:
            if _locked(file):
                shutil.rmtree(old, ignore_errors=True)
    root = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        with (root / LOCK).open("wb") as file:
            _locked(file)
            yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _locked(file: IO[bytes]) -> bool:
    """Lock a file for as long as it is open; False where another process holds it."""
    try:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (ImportError, OSError):
        return False
    return True
