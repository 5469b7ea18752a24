"""Training with several processes, started by torchrun or accelerate launch.

Without either there is one process, which is the main process.
"""

import atexit
import os
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar, cast

import torch

from avfake.environment import require
from avfake.errors import ConfigError

Value = TypeVar("Value")

TIMEOUT = timedelta(days=7)
"""The others wait while the main process validates, scores or writes; the default is minutes."""


def join_processes(device: str) -> None:
    """Connect to the other processes of this launch, unless that is done or there are none.

    device: "cpu" or "auto"
    """
    if _is_launched() and not _is_joined():
        require("accelerate", "train").PartialState(cpu=stays_on_cpu(device), timeout=TIMEOUT)
        atexit.register(_leave)


def stays_on_cpu(device: str) -> bool:
    """Return whether Accelerate must be told to use the CPU, without which processes on a machine
    without GPU would not be connected."""
    return device == "cpu" or (_is_launched() and not torch.cuda.is_available())


def refuse_processes(what: str) -> None:
    """Raise ConfigError under a launcher of several processes, for what only one may do."""
    if _is_launched():
        raise ConfigError(
            f"{what} is for one process, and was started as one of {os.environ['WORLD_SIZE']}; "
            "start it with python"
        )


def is_main_process() -> bool:
    """Return whether this process is the first, or the only one."""
    return not _is_joined() or torch.distributed.get_rank() == 0


def on_main_process(function: Callable[[], Value]) -> Value:
    """Call the function on the main process; return its value, or raise its error, on all.

    Call it on all processes, after `join_processes`.
    """
    if not _is_joined():
        return function()
    outcome: list[object] = [None, None]
    if is_main_process():
        try:
            outcome[0] = function()
        except Exception as error:  # noqa: BLE001 - raised below, on every process
            outcome[1] = error
    torch.distributed.broadcast_object_list(outcome, src=0)
    value, failure = outcome
    if isinstance(failure, Exception):
        raise failure
    return cast(Value, value)


def _is_launched() -> bool:
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def _is_joined() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def _leave() -> None:
    if _is_joined():
        torch.distributed.destroy_process_group()
