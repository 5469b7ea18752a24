"""One door to all the places where work can be done."""

from collections.abc import Callable, Iterator, Sequence
from typing import Literal, TypeVar

from avfake.cluster.pool import Failure, attempt, default_workers, map_on_pool

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
    and nothing else. `function` must be importable by name (a module's function, or a
    `functools.partial` of one).

    Args:
        workers: processes; 0 runs in this one, without isolation and time limit, for debugging
        threads: of each worker; None gives each an equal share of the cores. Sums of floats depend
            on it, so what must come out the same on any machine fixes it. On Ray it is always 1
        time_limit_seconds: for one item
        engine: "ray" uses a Ray cluster, all of its CPUs, and takes no notice of `workers`
        ray_address: of a running cluster; None starts one on this machine
    """
    if engine == "ray":
        from avfake.cluster.on_ray import map_on_ray  # late: an extra

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
