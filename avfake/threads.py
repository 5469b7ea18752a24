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
_inside = threading.local()


@contextmanager
def one_thread() -> Iterator[int]:
    """Let torch use one thread for each operation inside; gives the number used before.

    Several Python threads may be inside at once, and leave in any order: each has the number of
    before afterwards.
    """
    global _users, _allowed
    with _lock:
        if _users == 0:
            _allowed = _number_for_new_threads()
        _users += 1
    is_outermost = not getattr(_inside, "is_limited", False)
    if is_outermost:
        _take_one()
    try:
        yield _allowed
    finally:
        with _lock:
            # torch keeps a number for each Python thread, and one that new Python threads start
            # with: the number that was set last, by any of them.
            if is_outermost:
                _inside.is_limited = False
                torch.set_num_threads(_allowed)
            _users -= 1


def allowed_threads() -> int:
    """Return how many threads may be used together, inside of `one_thread` too."""
    with _lock:
        return _allowed if _users else _number_for_new_threads()


def _number_for_new_threads() -> int:
    """Return the number of threads that was set last, or torch's own choice.

    Not that of this Python thread: it may have begun while another one was in `one_thread`.
    """
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(torch.get_num_threads).result()


def _take_one() -> None:
    _inside.is_limited = True
    torch.set_num_threads(1)


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
