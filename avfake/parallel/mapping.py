"""One door to all the places where work can be done."""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, TypeVar

from avfake.errors import AvfakeError, ConfigError
from avfake.parallel.pool import DISK_FULL, Failure, attempt, default_workers, map_on_pool

Item = TypeVar("Item")
Result = TypeVar("Result")
Engine = Literal["local", "ray"]


def map_items(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    *,
    workers: int = 1,
    threads: int | None = None,
    time_limit_seconds: float | None = None,
    engine: Engine = "local",
    ray_address: str | None = None,
) -> Iterator[tuple[int, Result | Failure]]:
    """(index of the item, its result or Failure), in the order of completion.

    An item whose worker dies is tried once more; one that dies again, hangs or raises costs itself
    and nothing else, but for a full disk, which ends the run (AvfakeError): no item is to blame for
    that. `function` must be importable by name (a module's function, or a
    `functools.partial` of one).

    Args:
        workers: processes; 0 runs in this one, without isolation and time limit, for debugging
        threads: of each worker; None gives each an equal share of the cores. Sums of floats depend
            on it, so what must come out the same on any machine fixes it. On Ray it is always 1
        time_limit_seconds: for one item
        engine: "ray" uses a Ray cluster, all of its CPUs, and takes no notice of `workers`
        ray_address: of a running cluster; None starts one on this machine
    """
    if workers < 0:
        raise ConfigError(f"workers is {workers}; allowed: 0 (this process alone) or more")
    place = (engine, ray_address)
    results = _results(function, items, (workers, threads), time_limit_seconds, place)
    for index, result in results:
        if isinstance(result, Failure) and result.code == DISK_FULL:
            raise AvfakeError(
                f"{result.detail}; what was done is kept: free some space and run the same "
                "command again"
            )
        yield index, result


def _results(
    function: Callable[[Item], Result],
    items: Sequence[Item],
    processes: tuple[int, int | None],
    time_limit_seconds: float | None,
    place: tuple[Engine, str | None],
) -> Iterator[tuple[int, Result | Failure]]:
    (workers, threads), (engine, ray_address) = processes, place
    if engine == "ray":
        from avfake.parallel.on_ray import map_on_ray  # late: an extra

        yield from map_on_ray(
            function, items, address=ray_address, time_limit_seconds=time_limit_seconds
        )
    elif workers == 0:
        for index, item in enumerate(items):
            yield index, attempt(function, item)
    else:
        yield from map_on_pool(
            function,
            items,
            workers=workers,
            threads=threads or max(1, default_workers() // workers),
            time_limit_seconds=time_limit_seconds,
        )
