"""Accelerate: processes, device, precision, shares of the batches, and experiment trackers.

Several processes are started by torchrun or accelerate launch. Without either there is one, which
is the main process.
"""

import atexit
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar, cast

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from avfake.errors import ConfigError, require
from avfake.training.checkpoints import EpochRecord
from avfake.training.fit_config import FitConfig

if TYPE_CHECKING:
    from accelerate import Accelerator

Batch = Mapping[str, Any]
Value = TypeVar("Value")
TIMEOUT = timedelta(days=7)
"""The others wait while the main process validates, scores or writes; the default is minutes."""


class Batches(Protocol):
    """A DataLoader, a list of mappings, or anything else of known length that yields mappings."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Any]: ...


def start_accelerator(config: FitConfig, run_folder: Path) -> "Accelerator":
    """Return a new accelerator; several runs in one process may differ in their settings."""
    accelerate = require("accelerate", "train")
    join_processes(config.device)
    # Accelerate keeps its state in the class and refuses a second run with another precision. The
    # state of the processes stays where there are several: their connection is made only once.
    is_launched = torch.distributed.is_available() and torch.distributed.is_initialized()
    accelerate.state.AcceleratorState._reset_state(reset_partial_state=not is_launched)
    accelerate.state.GradientState._reset_state()
    use_gpu = config.device == "auto" and torch.cuda.is_available()
    precision: str = config.mixed_precision
    if precision == "fp16" and not use_gpu:
        raise ConfigError("fit.mixed_precision=fp16 needs a GPU; take bf16 or no")
    if precision == "auto":
        precision = "bf16" if use_gpu and torch.cuda.is_bf16_supported() else "no"
    # A batch without any face leaves the visual branch without gradients.
    unused = accelerate.DistributedDataParallelKwargs(find_unused_parameters=True)
    return accelerate.Accelerator(
        mixed_precision=precision,
        cpu=stays_on_cpu(config.device),
        kwargs_handlers=[unused],
        log_with=_installed(config.trackers) or None,
        project_dir=run_folder / "trackers",
    )


def own_share(batches: Batches, accelerator: "Accelerator") -> Batches:
    """Return the batches that this process is to train on."""
    if accelerator.num_processes == 1:
        return batches
    if not isinstance(batches, DataLoader):
        raise ConfigError(
            f"training on {accelerator.num_processes} processes needs a DataLoader, which can be "
            f"divided among them; got {type(batches).__name__}"
        )
    return require("accelerate.data_loader", "train").prepare_data_loader(
        batches,
        num_processes=accelerator.num_processes,
        process_index=accelerator.process_index,
        rng_types=["generator"],
    )


def to_device(batch: Batch, device: torch.device) -> Batch:
    """Return the batch with its tensors on the device, and all else as it is."""
    return {
        name: value.to(device, non_blocking=True) if isinstance(value, Tensor) else value
        for name, value in batch.items()
    }


def num_examples(batch: Batch) -> int:
    """Return the first dimension of the tensors of a batch."""
    return next((len(value) for value in batch.values() if isinstance(value, Tensor)), 0)


def outputs_of(model: nn.Module, batches: Iterable[Batch]) -> Iterator[tuple[Any, Batch]]:
    """Yield the output for each batch, and the batch, on the model's device, without gradient."""
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    try:
        for batch in batches:
            moved = to_device(batch, device)
            with torch.inference_mode():
                output = model(moved)
            yield output, moved
    finally:
        model.train(was_training)


def start_trackers(
    accelerator: "Accelerator", settings: Mapping[str, Any], *, resumed: bool
) -> None:
    """Open the trackers on the main process; they get the settings once a run."""
    if accelerator.log_with:
        plain = {
            name: value if isinstance(value, (int, float, str)) else str(value)
            for name, value in settings.items()
        }
        accelerator.init_trackers("avfake", None if resumed else plain)


def track(accelerator: "Accelerator", record: EpochRecord) -> None:
    """Send the numbers of an epoch to the trackers."""
    known = {
        f"{part}/{name}": value
        for part in ("train", "validation")
        for name, value in getattr(record, part).items()
        if value is not None
    }
    known |= {name: getattr(record, name) for name in ("learning_rate", "examples_per_second")}
    accelerator.log(known, step=record.epoch)


def _installed(names: Sequence[str]) -> list[str]:
    """Return the names of trackers; ConfigError for one whose package is missing."""
    found = require("accelerate.tracking", "train").get_available_trackers()
    installed = {str(getattr(name, "value", name)) for name in found}
    for name in set(names) - installed:
        extra = "'avfake[train]'" if name == "tensorboard" else name
        raise ConfigError(f"fit.trackers {name!r} needs its package: pip install {extra}")
    return list(names)


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
    outcome: list[Any] = [None, None]
    if is_main_process():
        try:
            outcome[0] = function()
        except Exception as error:  # noqa: BLE001 - raised below, on every process
            outcome[1] = error
    torch.distributed.broadcast_object_list(outcome, src=0)
    value, failure = outcome
    if failure:
        raise failure
    return cast(Value, value)


def _is_launched() -> bool:
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def _is_joined() -> bool:
    return torch.distributed.is_available() and torch.distributed.is_initialized()


def _leave() -> None:
    if _is_joined():
        torch.distributed.destroy_process_group()
