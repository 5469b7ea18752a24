"""Threads of torch: the parts of a computation run side by side, each on one thread.

Sums of floats depend on the number of threads that share them. Parts of a fixed size, each computed
by one thread, give the same bits on any number of them; and a processor is used better so than by
several threads on one small product.
"""

import math
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import torch

Part = TypeVar("Part")
Result = TypeVar("Result")

_lock = threading.Lock()
_users = 0
_allowed = 1


@contextmanager
def one_thread() -> Iterator[int]:
    """Let torch use one thread for each operation inside; gives the number used before.

    Several Python threads may be inside at once; the last one restores the number.
    """
    global _users, _allowed
    with _lock:
        if _users == 0:
            _allowed = torch.get_num_threads()
        _users += 1
    torch.set_num_threads(1)  # also of this Python thread
    try:
        yield _allowed
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                torch.set_num_threads(_allowed)


def allowed_threads() -> int:
    """Return how many threads may be used together, inside of `one_thread` too."""
    return _allowed if _users else torch.get_num_threads()


def num_parts(num_items: int, most: int) -> int:
    """Return into how many parts of at most `most` items to divide them, about equal in size.

    An even number, so that two threads end together; not by the number of threads, on which the
    answer must not depend. One for fewer items than `most`: alone an item takes longer.
    """
    return 2 * math.ceil(num_items / (2 * most)) if num_items >= most else 1


def run_each(function: Callable[[Part], Result], parts: Sequence[Part]) -> list[Result]:
    """Return the result of each part, each computed by one thread, side by side.

    The mode of gradients is that of the caller.
    """
    inference, gradients = torch.is_inference_mode_enabled(), torch.is_grad_enabled()

    def run(part: Part) -> Result:
        with torch.inference_mode(inference), torch.set_grad_enabled(gradients):
            return function(part)

    with one_thread() as count:
        if min(count, len(parts)) < 2:
            return [function(part) for part in parts]
        with ThreadPoolExecutor(min(count, len(parts)), initializer=_take_one) as pool:
            return list(pool.map(run, parts))


def _take_one() -> None:
    torch.set_num_threads(1)  # OpenMP keeps a number for each thread
