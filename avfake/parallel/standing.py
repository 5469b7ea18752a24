"""Worker processes that stay up for a server: one item at a time each, with steps on the way.

`map_items` is for a list of items; here they come one by one, from several threads, and whoever
asked may go away before the answer is there.
"""

import queue
import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from typing import Any, Generic, TypeVar

from avfake.errors import AvfakeError
from avfake.limits import Limits, current
from avfake.parallel.pool import default_workers
from avfake.parallel.worker import (
    DISK_FULL,
    LOOK_SECONDS,
    Failure,
    Worker,
    attempt,
    start_worker,
    while_asked,
)

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass(frozen=True)
class Step:
    """What is being done for an item at the moment, in words."""

    words: str


class StandingPool(Generic[Item, Result]):
    """Processes that each answer one item after the other; one that dies or hangs is replaced."""

    WAITING = "waiting for a free worker"
    """Words of the step before the work begins."""

    def __init__(
        self,
        function: Callable[[Item, Callable[[str], None]], Result],
        *,
        workers: int = 1,
        time_limit_seconds: float,
        limits: Limits | None = None,
    ) -> None:
        """Start the processes.

        Args:
            function: takes an item, and a function to which it gives the words of each step;
                importable by name, as for `map_items`
            workers: processes, which share the cores
            time_limit_seconds: for one item, without the wait for a free process
            limits: memory and temporary files of a process; None = those that hold here
        """
        self._function, self._seconds = function, time_limit_seconds
        self._limits = limits or current()
        self._threads = max(1, default_workers() // workers)
        self._starting, self._is_open = threading.Lock(), True
        self._all = [self._started() for _ in range(workers)]
        self._idle: queue.SimpleQueue[Worker[Item]] = queue.SimpleQueue()
        for worker in self._all:
            self._idle.put(worker)

    def ask(self, item: Item) -> Generator[Step | Result | Failure, None, None]:
        """Yield the present `Step`, at least once a second, and at last the result or a `Failure`.

        Closing the iterator gives the item up at once. There is no second attempt after a crash:
        someone is waiting. AvfakeError if the disk is full.
        """
        step = Step(self.WAITING)
        while True:
            try:
                worker = self._idle.get(timeout=LOOK_SECONDS)
                break
            except queue.Empty:
                yield step
        is_done = False
        try:
            if not worker.process.is_alive():
                self._replace(worker)
            worker.pipe.send(item)
            worker.since = time.monotonic()
            while not is_done:
                found = self._hear(worker)
                is_done = found is not None and not isinstance(found, Step)
                if is_done:
                    yield self._checked(found)
                else:
                    step = found or step
                    yield step
        finally:
            if not is_done or not worker.process.is_alive():
                self._replace(worker)
            self._idle.put(worker)

    def close(self) -> None:
        """End all processes, also those at work; what was asked of them becomes a `Failure`."""
        with self._starting:
            self._is_open = False
            for worker in self._all:
                worker.end()

    def _hear(self, worker: Worker[Item]) -> Any:
        """Return what the worker sends, a Failure for one that died or took too much, or None."""
        try:
            if worker.pipe.poll(LOOK_SECONDS):
                return worker.pipe.recv()
        except (EOFError, OSError):
            worker.process.join()
            return Failure("crashed", f"exit code {worker.process.exitcode}")
        return worker.past_limit(self._seconds, self._limits)

    @staticmethod
    def _checked(result: Result | Failure) -> Result | Failure:
        if isinstance(result, Failure) and result.code == DISK_FULL:
            raise AvfakeError(f"{result.detail}; free some space on the disk of the server")
        return result

    def _started(self) -> Worker[Item]:
        return start_worker(self._function, self._threads, _serve_steps)

    def _replace(self, worker: Worker[Item]) -> None:
        """Put a new process in the place of this one."""
        with self._starting:  # the environment of a new process is set for the whole of this one
            if self._is_open:
                worker.renew(self._started)
            else:
                worker.end()


def _serve_steps(pipe: Connection) -> None:
    def tell(words: str) -> None:
        pipe.send(Step(words))

    with while_asked(pipe) as function:
        while True:
            pipe.send(attempt(partial(function, tell=tell), pipe.recv()))
