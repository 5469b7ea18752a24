"""Progress bars of one style; few lines where the output is not a terminal."""

import sys
from collections.abc import Iterable
from typing import Any

from tqdm import tqdm


def progress(
    items: Iterable[Any] | None = None, *, unit: str, desc: str, **options: Any
) -> "tqdm[Any]":
    """Return a bar on standard error, over `items` or moved by hand with `total` in the options."""
    if sys.stderr is None:  # closed, or a program without a console
        return tqdm(items, **(options | {"disable": True}))
    watched = sys.stderr.isatty()
    # A log file wants a line now and then, not ten a second.
    return tqdm(items, unit=unit, desc=desc, mininterval=0.1 if watched else 10.0, **options)
