"""Batches on the way to the model: the right share of them, on the right device."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol

import torch
from accelerate import Accelerator
from accelerate.data_loader import prepare_data_loader
from accelerate.utils import send_to_device
from torch import Tensor, nn
from torch.utils.data import DataLoader

from avfake.errors import ConfigError

Batch = Mapping[str, Any]


class Batches(Protocol):
    """A DataLoader, a list of dicts, or whatever else has a length and gives dicts."""

    def __len__(self) -> int: ...

    def __iter__(self) -> Iterator[Any]: ...


def own_share(batches: Batches, accelerator: Accelerator) -> Batches:
    """The batches that this process is to train on."""
    if accelerator.num_processes == 1:
        return batches
    if not isinstance(batches, DataLoader):
        raise ConfigError(
            f"training on {accelerator.num_processes} processes needs a DataLoader, which can be "
            f"divided among them; got {type(batches).__name__}"
        )
    return prepare_data_loader(
        batches,
        num_processes=accelerator.num_processes,
        process_index=accelerator.process_index,
        rng_types=["generator"],
    )


def to_device(batch: Batch, device: torch.device) -> Batch:
    """The batch with its tensors on the device, and all else as it is."""
    moved: Batch = send_to_device(batch, device, non_blocking=True)
    return moved


def num_examples(batch: Batch) -> int:
    """First dimension of the tensors of a batch."""
    return next((len(value) for value in batch.values() if isinstance(value, Tensor)), 0)


def outputs_of(model: nn.Module, batches: Iterable[Batch]) -> Iterator[tuple[Any, Batch]]:
    """What the model says of each batch, and the batch, on the model's device, without gradient."""
    device = next(model.parameters()).device
    was_training = model.training
    model.eval()
    try:
        for batch in batches:
            placed = to_device(batch, device)
            with torch.inference_mode():
                output = model(placed)
            yield output, placed
    finally:
        model.train(was_training)
