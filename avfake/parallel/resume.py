"""Work that a journal keeps, so that a stopped run goes on, and bars that show how far it is."""

import os
import re
import sys
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from tqdm import tqdm

from avfake.errors import TRANSIENT
from avfake.parallel.journal import Journal
from avfake.parallel.pool import map_items
from avfake.parallel.worker import Failure
from avfake.storage import has_changed

Item = TypeVar("Item")
Result = TypeVar("Result")


_LOST = re.compile(rf"(?:^|; )\w+:(?:{'|'.join(sorted(TRANSIENT))})\b")
"""A reason in a cell of reasons that may no longer hold."""


def is_settled(
    line: Mapping[str, Any] | None, state: str | None, *, is_rewritten: bool = False
) -> bool:
    """Return False for a file without a line, or one that failed, has changed, or was lost.

    Lost is a file, or one stream of it, for a reason that may have passed (`TRANSIENT`), such as a
    connection. A file that is not there now keeps an answer from a part of it.

    Args:
        line: of the file in the journal; its "reasons" are `Reason.short`, joined by "; "
        state: of the file now, as `storage.states_of` has it
        is_rewritten: files are rewritten before they are read; a failure that lies in the file
            itself is then final
    """
    if line is None or has_changed(line.get("state"), state):
        return False
    was_lost = bool(_LOST.search(line.get("reasons") or ""))
    if line.get("status") in ("ok", "partial"):
        return not (was_lost and state)
    return is_rewritten and not was_lost


class _Bar(tqdm):
    """A bar that one process alone draws.

    The lock of tqdm is shared between processes: a worker that is killed would leave a semaphore
    behind, of which Python warns at the end.
    """


_Bar.set_lock(threading.RLock())


def progress(
    items: Iterable[Any] | None = None, *, unit: str, desc: str, **options: Any
) -> "tqdm[Any]":
    """Return a bar on standard error, over `items` or moved by hand with `total` in the options."""
    # tqdm reads its variable when it is imported, which may have been earlier.
    if sys.stderr is None or os.environ.get("TQDM_DISABLE"):  # or a program without a console
        return _Bar(items, **(options | {"disable": True}))
    watched = sys.stderr.isatty()
    # A log file wants a line now and then, not ten a second.
    return _Bar(items, unit=unit, desc=desc, mininterval=0.1 if watched else 10.0, **options)


def map_into_journal(
    function: Callable[[Item], Result],
    todo: Sequence[Item],
    journal: Journal,
    line_of: Callable[[Item, Result | Failure], dict[str, Any]],
    *,
    bar: dict[str, Any],
    **options: Any,
) -> None:
    """Do the work of `map_items`, with its options, and append the line of each result.

    bar: options of `progress`, whose `total` counts the items that are done already as well
    """
    with progress(initial=bar["total"] - len(todo), **bar) as shown:
        for index, result in map_items(function, todo, **options):
            journal.append(line_of(todo[index], result))
            shown.update()
