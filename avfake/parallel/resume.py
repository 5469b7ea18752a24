"""Work that a journal keeps, so that a stopped run goes on, and bars that show how far it is."""

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from tqdm import tqdm

from avfake.parallel.journal import Journal
from avfake.parallel.pool import Failure, map_items

Item = TypeVar("Item")
Result = TypeVar("Result")


def progress(
    items: Iterable[Any] | None = None, *, unit: str, desc: str, **options: Any
) -> "tqdm[Any]":
    """Return a bar on standard error, over `items` or moved by hand with `total` in the options."""
    # tqdm reads its variable when it is imported, which may have been earlier.
    if sys.stderr is None or os.environ.get("TQDM_DISABLE"):  # or a program without a console
        return tqdm(items, **(options | {"disable": True}))
    watched = sys.stderr.isatty()
    # A log file wants a line now and then, not ten a second.
    return tqdm(items, unit=unit, desc=desc, mininterval=0.1 if watched else 10.0, **options)


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
