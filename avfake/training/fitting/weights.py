"""Parameters and buffers of a model as a safetensors file."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from avfake.errors import ConfigError


def save_weights(model: nn.Module, path: Path) -> None:
    """Writes parameters and buffers as safetensors."""
    # Copies, because safetensors takes neither channels-last tensors nor views of larger ones.
    tensors = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in model.state_dict().items()
    }
    save_file(tensors, path)


def load_weights(model: nn.Module, path: Path) -> None:
    """Reads what `save_weights` wrote; ConfigError, and an untouched model, if it is another's."""
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ConfigError(f"{path} cannot be read as weights: {error}") from error
    differences = _differences(tensors, model.state_dict())
    if differences:
        raise ConfigError(
            f"{path} holds the weights of another architecture: {len(differences)} tensors differ, "
            f"among them {'; '.join(differences[:3])}. Take another folder, or the settings that "
            "this one was trained with"
        )
    model.load_state_dict(tensors)


def _differences(stored: dict[str, Tensor], wanted: dict[str, Tensor]) -> list[str]:
    names = dict.fromkeys((*wanted, *stored))
    shapes = {
        name: [
            f"{list(side[name].shape)} {where}" if name in side else f"none {where}"
            for side, where in ((stored, "there"), (wanted, "here"))
        ]
        for name in names
        if name not in stored or name not in wanted or stored[name].shape != wanted[name].shape
    }
    return [f"{name} ({', '.join(found)})" for name, found in shapes.items()]
