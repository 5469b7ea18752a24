"""Work on many items, in processes of this machine or on Ray.

On this machine it is done by a pool of single-purpose processes, each on a pipe of its own.

`concurrent.futures` breaks the whole pool when one worker dies and cannot stop one that hangs;
here the parent records which item each worker holds, so a crash or an endless decode is the result
of that item alone.
"""

import math
import os
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from multiprocessing.connection import wait
from operator import methodcaller
from typing import Any, Literal, TypeVar

from avfake.errors import AvfakeError, ConfigError
from avfake.limits import Limits, current
from avfake.parallel.worker import (
    DISK_FULL,
    LOOK_SECONDS,
    THREAD_LIMITS,
    Failure,
    Worker,
    attempt,
    start_worker,
)

Item = TypeVar("Item")
Result = TypeVar("Result")
ATTEMPTS = 2
"""How often an item is tried whose worker dies: the first death may be the machine's fault."""


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
    limits: Limits | None = None,
    engine: Literal["local", "ray"] = "local",
    ray_address: str | None = None,
) -> Iterator[tuple[int, Result | Failure]]:
    """Yield (index of the item, its result or Failure), in the order of completion.

    An item whose worker dies is tried once more; one that dies again, hangs, takes too much or
    raises becomes a Failure and stops nothing else. A full disk ends the run (AvfakeError): no item
    is to blame for that. `function` must be importable by name (a module's function, or a
    `functools.partial` of one).

    Args:
        workers: processes, None = one a core; 0 runs in this one, without isolation and time limit,
            for debugging
        threads: of each worker; None gives each an equal share of the cores. Sums of floats depend
            on it, so what must come out the same on any machine fixes it. On Ray it is always 1
        time_limit_seconds: for one item
        limits: memory and temporary files of a worker; None = those that hold here. Ray has limits
            of its own
        engine: "ray" uses a Ray cluster, all of its CPUs, and takes no notice of `workers`
        ray_address: of a running cluster; None starts one on this machine
    """
    workers = default_workers() if workers is None else workers
    limits = limits or current()
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
        start = partial(start_worker, function, threads)
        past_limit = methodcaller("past_limit", time_limit_seconds, limits)
        results = _map_on_pool(start, items, workers, past_limit)
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
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    time_limit_seconds: float,
    limits: Limits | None = None,
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
        limits=limits,
    )


def _map_on_pool(
    start: Callable[[], Worker[Item]],
    items: Sequence[Item],
    workers: int,
    past_limit: Callable[[Worker[Item]], Failure | None],
) -> Iterator[tuple[int, Any]]:
    pool = [start() for _ in range(min(workers, len(items)))]
    waiting = iter(enumerate(items))
    crashes: Counter[int] = Counter()
    try:
        for worker in pool:
            _hand_out(worker, waiting)
        while any(worker.index is not None for worker in pool):
            for worker, result in _collect(pool, past_limit):
                done = worker.index
                assert done is not None
                if isinstance(result, Failure) and not worker.process.is_alive():
                    worker.renew(start)
                    crashes[done] += result.code == "crashed"
                    if 0 < crashes[done] < ATTEMPTS:
                        _hand_out(worker, iter([(done, items[done])]))
                        continue
                _hand_out(worker, waiting)
                yield done, result
    finally:
        for worker in pool:
            worker.end()


def _hand_out(worker: Worker[Item], waiting: Iterator[tuple[int, Item]]) -> None:
    worker.index, item = next(waiting, (None, None))
    worker.since = time.monotonic()
    if worker.index is not None:
        worker.pipe.send(item)


def _collect(
    pool: list[Worker[Item]], past_limit: Callable[[Worker[Item]], Failure | None]
) -> Iterator[tuple[Worker[Item], Any]]:
    busy = [worker for worker in pool if worker.index is not None]
    ready = wait([worker.pipe for worker in busy], timeout=LOOK_SECONDS)
    for worker in [worker for worker in busy if worker.pipe in ready]:
        try:
            yield worker, worker.pipe.recv()
        except (EOFError, ConnectionResetError):
            worker.process.join()
            yield worker, Failure("crashed", f"exit code {worker.process.exitcode}")
    for worker in [worker for worker in busy if worker.pipe not in ready]:
        if failure := past_limit(worker):
            yield worker, failure
