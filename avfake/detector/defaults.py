"""Computation with torch's own defaults, whatever the calling program has set."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch


@contextmanager
def torch_defaults() -> Iterator[None]:
    """Set torch's own defaults inside: float32, the CPU, no autocast; a decorator, too.

    Another default type would build other models from the same weights. The caller's settings are
    restored at the end.
    """
    with ExitStack() as undone:
        if (dtype := torch.get_default_dtype()) != torch.float32:
            torch.set_default_dtype(torch.float32)
            undone.callback(torch.set_default_dtype, dtype)
        if torch.get_default_device().type != "cpu":
            undone.enter_context(torch.device("cpu"))
        for kind in ("cpu", "cuda"):
            if torch.is_autocast_enabled(kind):
                undone.enter_context(torch.autocast(kind, enabled=False))
        yield
