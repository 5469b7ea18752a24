"""What a run keeps on disk: whole at every moment, so that it may be killed at any.

run_folder/
  metrics.jsonl              one line an epoch
  checkpoints/epoch-0007/    model, average, best (safetensors), optimizer.pt, state.json
  best.safetensors           when finished
  result.json                when finished; its presence says so
"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from torch.optim import Optimizer

from avfake.errors import ConfigError
from avfake.files import write_whole
from avfake.settings import from_dict, to_dict
from avfake.train.averaging import WeightAverage


@dataclass(frozen=True)
class EpochRecord:
    """One line of metrics.jsonl. A number that is not finite is written as null."""

    epoch: int
    """The first is 1."""
    train: dict[str, float | None]
    """Mean loss and its parts."""
    validation: dict[str, float | None]
    learning_rate: float
    """At the last step, outside the backbone."""
    seconds: float
    """Of training, without validation."""
    examples_per_second: float


@dataclass
class TrainingState:
    """All that must survive a kill. Random numbers are not here: each epoch seeds itself."""

    model: nn.Module
    optimizer: Optimizer
    average: WeightAverage | None = None
    scaler: Any = None
    history: list[EpochRecord] = field(default_factory=list)

    @property
    def answering(self) -> nn.Module:
        """The model that is validated and kept: the average where there is one."""
        return self.average.model if self.average else self.model


def save_checkpoint(
    run_folder: Path, state: TrainingState, settings: Mapping[str, Any], *, is_best: bool
) -> Path:
    """Writes the state after the last epoch of its history, then lets the one before go."""
    home = run_folder / "checkpoints"
    before = latest_checkpoint(run_folder)
    partial = home / f".partial-{os.getpid()}"
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    save_weights(state.model, partial / "model.safetensors")
    if state.average:
        save_weights(state.average.model, partial / "average.safetensors")
    answering = partial / ("average.safetensors" if state.average else "model.safetensors")
    best = answering if is_best or before is None else before / "best.safetensors"
    _link(best, partial / "best.safetensors")
    tensors = {
        "optimizer": state.optimizer.state_dict(),
        "scaler": state.scaler.state_dict() if state.scaler else None,
        "num_averaged": state.average.num_steps if state.average else 0,
    }
    torch.save(tensors, partial / "optimizer.pt")
    written = {"settings": settings, "history": [to_dict(record) for record in state.history]}
    (partial / "state.json").write_text(json.dumps(written))
    final = home / f"epoch-{len(state.history):04d}"
    partial.rename(final)
    for old in home.iterdir():
        if old != final:
            shutil.rmtree(old)
    write_metrics(run_folder, state.history)
    return final


def load_checkpoint(run_folder: Path, state: TrainingState, settings: Mapping[str, Any]) -> bool:
    """Puts the newest whole checkpoint into the state; False where there is none."""
    folder = latest_checkpoint(run_folder)
    if folder is None:
        return False
    written = json.loads((folder / "state.json").read_text())
    check_settings(run_folder, written["settings"], settings)
    load_weights(state.model, folder / "model.safetensors")
    tensors = torch.load(folder / "optimizer.pt", map_location="cpu", weights_only=True)
    state.optimizer.load_state_dict(tensors["optimizer"])
    if state.scaler and tensors["scaler"]:
        state.scaler.load_state_dict(tensors["scaler"])
    if state.average:
        load_weights(state.average.model, folder / "average.safetensors")
        state.average.num_steps = tensors["num_averaged"]
    state.history = [from_dict(EpochRecord, record) for record in written["history"]]
    return True


def save_weights(model: nn.Module, path: Path) -> None:
    """Writes parameters and buffers as safetensors."""
    # Copies, because safetensors takes neither channels-last tensors nor views of larger ones.
    tensors = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in model.state_dict().items()
    }
    save_file(tensors, path)


def load_weights(model: nn.Module, path: Path) -> None:
    """Reads what `save_weights` wrote into a model of the same shape."""
    model.load_state_dict(load_file(path))


def latest_checkpoint(run_folder: Path) -> Path | None:
    """The folder of the last epoch that was written whole."""
    return max((run_folder / "checkpoints").glob("epoch-*"), default=None)


def check_settings(run_folder: Path, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """ConfigError naming what differs, should a run be continued under other settings."""
    changed = sorted(key for key in {*old, *new} if old.get(key) != new.get(key))
    if changed:
        differences = "; ".join(f"{key}: {old.get(key)} -> {new.get(key)}" for key in changed)
        raise ConfigError(
            f"{run_folder} holds a run with other settings ({differences}); "
            "take another folder, or remove this one to start over"
        )


def write_metrics(run_folder: Path, history: list[EpochRecord]) -> None:
    """Writes metrics.jsonl anew, so that it never tells of an epoch that a kill undid."""
    lines = [json.dumps(to_dict(record)) + "\n" for record in history]
    write_whole(run_folder / "metrics.jsonl", "".join(lines))


def publish_best(run_folder: Path) -> Path:
    """Puts the weights of the best epoch beside the checkpoints."""
    newest, final = latest_checkpoint(run_folder), run_folder / "best.safetensors"
    assert newest is not None
    partial = run_folder / f".best.partial-{os.getpid()}"
    _link(newest / "best.safetensors", partial)
    partial.replace(final)
    return final


def _link(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:  # some file systems know no links
        shutil.copyfile(source, target)
