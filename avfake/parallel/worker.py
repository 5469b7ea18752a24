"""A worker process: how it starts, what it answers, and what it may take of the machine.

The parent looks at a busy worker from outside and ends one that is past a limit. A limit inside of
the process would not do: that of address space (RLIMIT_AS) counts what torch and CUDA reserve and
never use, and where memory is refused, a codec calls its file damaged and threads of torch end the
process.
"""

import errno
import multiprocessing
import os
import shutil
import signal
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Generic, TypeVar

from avfake.errors import TRACEBACKS, is_out_of_memory
from avfake.limits import Limits

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Failure:
    """The reason why an item has no result."""

    code: str
    """A key of `errors.REASONS`; `DISK_FULL` only inside this package."""
    detail: str = ""


DISK_FULL = "disk_full"
"""Not the item's fault: `map_items` ends the run, so that no item is recorded as failed for it."""
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Errors of a disk, a share of a disk (quota), and a file (`ulimit -f`, FAT) that may not grow."""
THREAD_LIMITS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
TEMPORARY = ("TMPDIR", "TEMP", "TMP")
"""Environment variables of the folder for temporary files, of all systems."""
LOOK_SECONDS = 0.2
"""Time between two looks at a busy worker."""
IN_MEMORY = ("RssAnon", "RssShmem", "VmSwap")
"""What Linux counts of a process that no other could use: not the pages of the files it reads."""


@dataclass
class Worker(Generic[Item]):
    process: Any
    pipe: Connection
    folder: Path
    """For its temporary files, which are removed with it."""
    index: int | None = None
    """The item in work; None when idle."""
    since: float = 0.0

    def end(self) -> None:
        """End the process, whatever it does, and remove what it has left."""
        self.process.kill()
        self.process.join()
        shutil.rmtree(self.folder, ignore_errors=True)

    def renew(self, start: "Callable[[], Worker[Any]]") -> None:
        """End the process, and go on with that of a new worker."""
        self.end()
        self.pipe.close()
        other = start()
        self.process, self.pipe, self.folder = other.process, other.pipe, other.folder

    def past_limit(self, seconds: float, limits: Limits) -> Failure | None:
        """Return why the item in work is given up, and end the process; None if it goes on."""
        failure = None
        if time.monotonic() - self.since > seconds:
            failure = Failure("timed_out", f"limit {seconds:g} s")
        elif memory_of(self.process.pid) > 1e9 * limits.memory_gigabytes:
            failure = Failure("out_of_memory", f"limit {limits.memory_gigabytes:g} GB")
        elif _size_of(self.folder) > 1e9 * limits.temporary_gigabytes:
            size = f"{limits.temporary_gigabytes:g} GB"
            failure = Failure("too_large", f"temporary files of more than {size}")
        if failure is not None:
            self.process.kill()
            self.process.join()
        return failure


def memory_of(process: int) -> int:
    """Return the bytes that a process has for itself alone; 0 where the system is not Linux."""
    try:
        lines = Path(f"/proc/{process}/status").read_text().splitlines()
    except OSError:  # another system, or it has just ended
        return 0
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    return sum(1024 * int(fields[name].split()[0]) for name in IN_MEMORY if name in fields)


def _size_of(folder: Path) -> int:
    """Return the bytes that the files below a folder take."""
    total = 0
    for at, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):  # it has gone meanwhile
                total += Path(at, name).lstat().st_size
    return total


def start_worker(
    function: Callable[..., Any], threads: int, serve: Callable[[Connection], None] | None = None
) -> Worker[Any]:
    """Return a new process in which `serve` (None: one result an item) calls a function."""
    context = multiprocessing.get_context("spawn")  # forked copies of OpenMP pools deadlock
    ours, theirs = context.Pipe()
    process = context.Process(target=serve or _serve, args=(theirs,), daemon=True)
    resource_tracker.ensure_running()  # its start would unblock SIGINT
    folder = Path(tempfile.mkdtemp(prefix="avfake-worker-"))
    with _environment(threads, folder), _interrupts_held():
        process.start()
    theirs.close()
    ours.send((function, folder))
    return Worker(process, ours, folder)


@contextmanager
def _environment(threads: int, folder: Path) -> Iterator[None]:
    """Set what a process reads once, for those started inside: threads, temporary folder.

    Setting it in the process itself would be too late: the caller's main module is imported there
    before our code runs.
    """
    wanted = dict.fromkeys(THREAD_LIMITS, str(threads)) | dict.fromkeys(TEMPORARY, str(folder))
    before = {name: os.environ[name] for name in wanted if name in os.environ}
    os.environ.update(wanted)
    try:
        yield
    finally:
        for name in wanted:
            del os.environ[name]
        os.environ.update(before)


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Block SIGINT in processes started inside: Ctrl-C goes to all processes of a terminal.

    The parent alone handles it: it ends its workers and reports it, once.
    """
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def while_asked(pipe: Connection) -> Iterator[Callable[..., Any]]:
    """Give the function that a worker is to call; end quietly when the process that asks has gone.

    Killed for one, that process cannot remove the temporary folder of the worker.
    """
    function, folder = pipe.recv()
    try:
        yield function
    except (EOFError, OSError):
        shutil.rmtree(folder, ignore_errors=True)


def _serve(pipe: Connection) -> None:
    with while_asked(pipe) as function:
        while True:
            pipe.send(attempt(function, pipe.recv()))


def attempt(function: Callable[[Item], Result], item: Item) -> Result | Failure:
    """Return the result of an item, or what went wrong as a Failure."""
    try:
        return function(item)
    except Exception as error:  # noqa: BLE001 - one bad file is a row in the table, not the end
        if os.environ.get(TRACEBACKS):
            traceback.print_exc()
        cause = error if isinstance(error, OSError) else error.__cause__
        if isinstance(cause, OSError) and cause.errno in NO_SPACE:
            return Failure(DISK_FULL, str(error))
        text = " ".join(str(error).split())
        if is_out_of_memory(error) or (cause is not None and is_out_of_memory(cause)):
            return Failure("out_of_memory", text[:200])
        last = traceback.extract_tb(error.__traceback__)[-1]
        return Failure("crashed", f"{type(error).__name__}: {text} ({last.name}:{last.lineno})")
