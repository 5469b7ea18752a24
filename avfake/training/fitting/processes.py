"""Several processes on one training: what one of them does, and what all of them learn.

Started by torchrun or accelerate launch; without either there is one process, and it is the first.
"""

import atexit
import os
from collections.abc import Callable
from datetime import timedelta
from typing import TypeVar, cast

import torch
from accelerate import PartialState
from accelerate.utils import broadcast_object_list

from avfake.errors import ConfigError

Value = TypeVar("Value")

PATIENCE = timedelta(days=7)
"""The others wait while the first validates, scores or writes; a network's default is minutes."""


def join_processes(device: str) -> None:
    """Connects to the other processes of this launch, if there are any and it is not done yet.

    device: "cpu" or "auto"
    """
    if _is_launched() and not _is_joined():
        PartialState(cpu=stays_on_cpu(device), timeout=PATIENCE)
        atexit.register(_leave)


def stays_on_cpu(device: str) -> bool:
    """What Accelerate has to be told: without it, processes on a machine without GPU stay apart."""
    return device == "cpu" or (_is_launched() and not torch.cuda.is_available())


def refuse_processes(what: str) -> None:
    """ConfigError under a launcher of several processes, for what only one may do."""
    if _is_launched():
        raise ConfigError(
            f"{what} is for one process, and was started as one of {os.environ['WORLD_SIZE']}; "
            "start it with python"
        )


def is_main_process() -> bool:
    """Whether this process is the first, or the only one."""
    return not _is_joined() or torch.distributed.get_rank() == 0


def on_main_process(function: Callable[[], Value]) -> Value:
    """What the function gives on the first process, to all of them; an error, too, is everybody's.

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
    value, failure = broadcast_object_list(outcome)
    if failure is not None:
        raise failure
    return cast(Value, value)


def _is_launched() -> bool:
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def _is_joined() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def _leave() -> None:
    if _is_joined():
        torch.distributed.destroy_process_group()
