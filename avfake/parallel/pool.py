"""Work on many items, in processes of this machine or on Ray.

On this machine it is done by a pool of single-purpose processes, each on a pipe of its own.

`concurrent.futures` breaks the whole pool when one worker dies and cannot stop one that hangs;
here the parent records which item each worker holds, so a crash or an endless decode is the result
of that item alone.
"""

import errno
import math
import multiprocessing
import os
import signal
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, Literal, TypeVar

from avfake.errors import TRACEBACKS, AvfakeError, ConfigError, is_out_of_memory

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Failure:
    """The reason why an item has no result."""

    code: str
    """"crashed", "out_of_memory" or "timed_out", as in `errors.REASONS`; `DISK_FULL` only inside
    this package."""
    detail: str = ""


DISK_FULL = "disk_full"
"""Not the item's fault: `map_items` ends the run, so that no item is recorded as failed for it."""
NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
"""Errors of a disk, a share of a disk (quota), and a file (`ulimit -f`, FAT) that may not grow."""
THREAD_LIMITS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
ATTEMPTS = 2
"""How often an item is tried whose worker dies: the first death may be the machine's fault."""


@dataclass
class Worker(Generic[Item]):
    process: Any
    pipe: Connection
    index: int | None = None
    """The item in work; None when idle."""
    since: float = 0.0


def default_workers() -> int:
    """Return the number of CPU cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def map_items(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    workers: int | None = None,
    threads: int | None = None,
    time_limit_seconds: float = math.inf,
    engine: Literal["local", "ray"] = "local",
    ray_address: str | None = None,
) -> Iterator[tuple[int, Result | Failure]]:
    """Yield (index of the item, its result or Failure), in the order of completion.

    An item whose worker dies is tried once more; one that dies again, hangs or raises becomes a
    Failure and stops nothing else. A full disk ends the run (AvfakeError): no item is to blame for
    that. `function` must be importable by name (a module's function, or a `functools.partial` of
    one).

    Args:
        workers: processes, None = one a core; 0 runs in this one, without isolation and time limit,
            for debugging
        threads: of each worker; None gives each an equal share of the cores. Sums of floats depend
            on it, so what must come out the same on any machine fixes it. On Ray it is always 1
        time_limit_seconds: for one item
        engine: "ray" uses a Ray cluster, all of its CPUs, and takes no notice of `workers`
        ray_address: of a running cluster; None starts one on this machine
    """
    workers = default_workers() if workers is None else workers
    if workers < 0:
        raise ConfigError(f"workers is {workers}; allowed: 0 (this process alone) or more")
    results: Iterator[tuple[int, Result | Failure]]
    if engine == "ray":
        from avfake.parallel.on_ray import map_on_ray  # late: an extra

        results = map_on_ray(function, items, ray_address, time_limit_seconds)
    elif workers == 0:
        results = ((index, attempt(function, item)) for index, item in enumerate(items))
    else:
        threads = threads or max(1, default_workers() // workers)
        results = _map_on_pool(function, items, workers, threads, time_limit_seconds)
    for index, result in results:
        if isinstance(result, Failure) and result.code == DISK_FULL:
            raise AvfakeError(
                f"{result.detail}; what was done is kept: free some space and run the same "
                "command again"
            )
        yield index, result


IN_PROCESS = "AVFAKE_IN_PROCESS"
"""Environment variable: what would be done in one worker is done in this process, for debugging."""


def map_isolated(
    function: Callable[[Item], Result], items: Sequence[Item], *, time_limit_seconds: float
) -> Iterator[tuple[int, Result | Failure]]:
    """Do the work of `map_items` by one worker, which has the threads that this process would have.

    For a few items: it is not faster, but an item that crashes or hangs ends the worker alone.
    """
    given = os.environ.get(THREAD_LIMITS[0], "")
    threads = int(given) if given.isdecimal() and int(given) else None
    return map_items(
        function,
        items,
        workers=0 if os.environ.get(IN_PROCESS) else 1,
        threads=threads,
        time_limit_seconds=time_limit_seconds,
    )


def _map_on_pool(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    workers: int,
    threads: int,
    time_limit_seconds: float,
) -> Iterator[tuple[int, Result | Failure]]:
    pool = [start_worker(function, threads) for _ in range(min(workers, len(items)))]
    waiting = iter(enumerate(items))
    crashes: Counter[int] = Counter()
    try:
        for worker in pool:
            _hand_out(worker, waiting)
        while any(worker.index is not None for worker in pool):
            for worker, result in _collect(pool, time_limit_seconds):
                done = worker.index
                assert done is not None
                if isinstance(result, Failure) and not worker.process.is_alive():
                    worker.process.join()
                    started = start_worker(function, threads)
                    worker.process, worker.pipe = started.process, started.pipe
                    crashes[done] += result.code == "crashed"
                    if 0 < crashes[done] < ATTEMPTS:
                        _hand_out(worker, iter([(done, items[done])]))
                        continue
                _hand_out(worker, waiting)
                yield done, result
    finally:
        for worker in pool:
            worker.process.kill()
            worker.process.join()


def start_worker(
    function: Callable[..., Any], threads: int, serve: Callable[[Connection], None] | None = None
) -> Worker[Any]:
    """Return a new process in which `serve` (None: one result an item) calls a function."""
    context = multiprocessing.get_context("spawn")  # forked copies of OpenMP pools deadlock
    ours, theirs = context.Pipe()
    process = context.Process(target=serve or _serve, args=(theirs,), daemon=True)
    resource_tracker.ensure_running()  # its start would unblock SIGINT
    with _environment(threads), _interrupts_held():
        process.start()
    theirs.close()
    ours.send(function)
    return Worker(process, ours)


def _hand_out(worker: Worker[Item], waiting: Iterator[tuple[int, Item]]) -> None:
    worker.index, item = next(waiting, (None, None))
    worker.since = time.monotonic()
    if worker.index is not None:
        worker.pipe.send(item)


def _collect(
    pool: list[Worker[Item]], time_limit_seconds: float
) -> Iterator[tuple[Worker[Item], Any]]:
    busy = [worker for worker in pool if worker.index is not None]
    ready = wait([worker.pipe for worker in busy], timeout=1.0)
    for worker in [worker for worker in busy if worker.pipe in ready]:
        try:
            yield worker, worker.pipe.recv()
        except (EOFError, ConnectionResetError):
            worker.process.join()
            yield worker, Failure("crashed", f"exit code {worker.process.exitcode}")
    for worker in [worker for worker in busy if worker.pipe not in ready]:
        if time.monotonic() - worker.since > time_limit_seconds:
            worker.process.kill()
            worker.process.join()
            yield worker, Failure("timed_out", f"limit {time_limit_seconds:g} s")


@contextmanager
def _environment(threads: int) -> Iterator[None]:
    """Set the number of threads that numpy and torch read once, in processes started inside.

    Setting it in the process itself would be too late: the caller's main module is imported there
    before our code runs.
    """
    before = {name: os.environ[name] for name in THREAD_LIMITS if name in os.environ}
    os.environ.update(dict.fromkeys(THREAD_LIMITS, str(threads)))
    try:
        yield
    finally:
        for name in THREAD_LIMITS:
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


def _serve(pipe: Connection) -> None:
    function = pipe.recv()
    while True:
        try:
            pipe.send(attempt(function, pipe.recv()))
        except (EOFError, BrokenPipeError):  # the process that asked is gone, killed for one
            return


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
