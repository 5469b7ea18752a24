"""torch as it is when it starts, whatever the program around has set."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch


@contextmanager
def torch_defaults() -> Iterator[None]:
    """Inside, or in a function decorated so, the caller's defaults are as torch has them.

    These are float32, the CPU, and no autocast: another default type would make other models of
    the same weights. The caller's settings come back at the end.
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
