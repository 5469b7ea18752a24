"""The same work on a Ray cluster: one task an item, no more in flight than there are CPUs.

Retries are ours, not Ray's: an item is tried again when its worker or node is lost, and given up
as a `Failure` when it takes the second one down too.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from avfake.cluster.pool import ATTEMPTS, Failure, attempt
from avfake.errors import ConfigError

Item = TypeVar("Item")
Result = TypeVar("Result")


def map_on_ray(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    address: str | None,
    time_limit_seconds: float | None,
) -> Iterator[tuple[int, Result | Failure]]:
    """See `map_items`. ConfigError if Ray is not installed or the cluster cannot be reached."""
    ray = _connect(address)
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
        for reference in done:
            index, _ = in_flight.pop(reference)
            result = _result(ray, reference)
            if isinstance(result, _Lost):
                crashes[index] += 1
                if crashes[index] < ATTEMPTS:
                    waiting.append(index)
                    continue
                result = Failure("crashed", str(result))
            yield index, result
        for reference, index in _overdue(in_flight, time_limit_seconds):
            ray.cancel(reference, force=True)
            del in_flight[reference]
            yield index, Failure("timed_out", f"limit {time_limit_seconds:g} s")


class _Lost(str):
    """Why a task has no result: `attempt` gives one whenever its worker lives."""


def _connect(address: str | None) -> Any:
    try:
        import ray
    except ImportError as error:
        raise ConfigError(
            "--engine ray needs Ray: pip install 'avfake[ray]', or use --engine local"
        ) from error
    if not ray.is_initialized():
        try:
            ray.init(address=address, log_to_driver=False, include_dashboard=False)
        except (ConnectionError, RuntimeError, ValueError) as error:
            where = address or "on this machine"
            raise ConfigError(f"the Ray cluster {where} does not answer: {error}") from error
    return ray


def _result(ray: Any, reference: Any) -> Any:
    try:
        return ray.get(reference)
    except ray.exceptions.RayError as error:
        lines = str(error).strip().splitlines()
        return _Lost(f"{type(error).__name__}: {lines[-1] if lines else ''}")


def _overdue(
    in_flight: dict[Any, tuple[int, float]], time_limit_seconds: float | None
) -> list[tuple[Any, int]]:
    if time_limit_seconds is None:
        return []
    now = time.monotonic()
    return [
        (reference, index)
        for reference, (index, since) in in_flight.items()
        if now - since > time_limit_seconds
    ]
