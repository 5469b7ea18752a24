"""The same work on a Ray cluster: one task an item, no more in flight than there are CPUs.

Retries are ours, not Ray's: an item is tried again when its worker or node is lost, and given up
as a `Failure` when it takes the second one down too.
"""

import socket
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from avfake.errors import AvfakeError, ConfigError
from avfake.parallel.pool import ATTEMPTS
from avfake.parallel.worker import Failure, attempt

Item = TypeVar("Item")
Result = TypeVar("Result")
CONNECT_SECONDS = 5.0
GONE_AFTER_SECONDS = 20.0
"""A head that is silent for so long is gone. Ray ends the whole process at 60 s, without a message,
so ours must be the shorter."""


def map_on_ray(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    address: str | None,
    time_limit_seconds: float,
) -> Iterator[tuple[int, Result | Failure]]:
    """Do the work of `map_items`; ConfigError without Ray or if no cluster can be reached.

    AvfakeError if the cluster goes away: its items in flight are then neither done nor failed.
    """
    ray = _connect(address)
    head = _Head(address or "auto", ray.get_runtime_context().gcs_address)
    # One thread a task: Ray hands out CPUs one by one, and numeric libraries would take them all.
    threads = {"env_vars": {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}}
    task = ray.remote(num_cpus=1, max_retries=0, runtime_env=threads)(attempt)
    shared = ray.put(function)
    width = max(1, int(ray.cluster_resources().get("CPU", 1)))
    waiting, crashes = list(reversed(range(len(items)))), Counter[int]()
    in_flight: dict[Any, tuple[int, float]] = {}
    while waiting or in_flight:
        while waiting and len(in_flight) < width:
            index = waiting.pop()
            in_flight[task.remote(shared, items[index])] = (index, time.monotonic())
        done, _ = ray.wait(list(in_flight), num_returns=1, timeout=1.0)
        if not done:
            head.check()
        for reference in done:
            index, _ = in_flight.pop(reference)
            result = _result(ray, reference)
            if isinstance(result, _Lost):
                head.check(at_once=True)
                crashes[index] += 1
                if crashes[index] < ATTEMPTS:
                    waiting.append(index)
                    continue
                result = Failure("crashed", str(result))
            yield index, result
        latest = time.monotonic() - time_limit_seconds
        for reference in [one for one, (_, since) in in_flight.items() if since < latest]:
            ray.cancel(reference, force=True)
            index, _ = in_flight.pop(reference)
            yield index, Failure("timed_out", f"limit {time_limit_seconds:g} s")


class _Lost(str):
    """The reason why a task has no result: `attempt` gives one whenever its worker lives."""


class _Head:
    """The head node of the cluster, watched by us: Ray gives no sign when it has gone."""

    def __init__(self, address: str, gcs_address: str) -> None:
        self.address = gcs_address if address in ("auto", "local") else address
        self.seen = time.monotonic()

    def check(self, *, at_once: bool = False) -> None:
        """Raise AvfakeError after too long a silence; `at_once` waits until that is known."""
        while not _answers(self.address):
            if time.monotonic() - self.seen > GONE_AFTER_SECONDS:
                raise AvfakeError(
                    f"the Ray cluster at {self.address} is gone; what was done is kept: "
                    "start a cluster and run the same command again"
                )
            if not at_once:
                return
            time.sleep(0.5)
        self.seen = time.monotonic()


def _answers(address: str) -> bool:
    host, _, port = address.rpartition("://")[2].rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_SECONDS).close()
    except (OSError, ValueError):
        return False
    return True


def _connect(address: str | None) -> Any:
    try:
        import ray
    except ImportError as error:
        raise ConfigError(
            "--engine ray needs Ray: pip install 'avfake[ray]', or use --engine local"
        ) from error
    if ray.is_initialized():
        return ray
    # Ray itself would try for minutes, and then end the process.
    if address not in (None, "auto", "local") and not _answers(address):
        raise ConfigError(
            f"no Ray cluster answers at {address}; give --ray-address HOST:PORT as ray start "
            "printed it, or leave it out to start one on this machine"
        )
    try:
        # "local" starts one; None would first try whatever cluster was last up here, dead or alive.
        ray.init(address=address or "local", log_to_driver=False, include_dashboard=False)
    except (ConnectionError, RuntimeError, ValueError) as error:
        where = address or "on this machine"
        raise ConfigError(
            f"the Ray cluster {where} does not let us in: {error}; if it asks for a token, set "
            "RAY_AUTH_MODE=token and RAY_AUTH_TOKEN here as they are set there"
        ) from error
    return ray


def _result(ray: Any, reference: Any) -> Any:
    try:
        return ray.get(reference)
    except ray.exceptions.RayError as error:
        lines = str(error).strip().splitlines()
        return _Lost(f"{type(error).__name__}: {lines[-1] if lines else ''}")
