"""Checkpoints of a run, complete on disk at every moment, so that it can be killed at any.

run_folder/
  metrics.jsonl              one line an epoch
  checkpoints/epoch-0007/    model, average, best (safetensors), optimizer.pt, state.json; of the
                             epochs before, where they are kept, only model and average
  best.safetensors           when finished
  result.json                when finished; its presence marks that
"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn
from torch.optim import Optimizer
from torch.optim.swa_utils import AveragedModel

from avfake.errors import AvfakeError, ConfigError
from avfake.storage import write_whole
from avfake.training.run import check_settings


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
    """Duration of training, without validation."""
    examples_per_second: float


@dataclass
class TrainingState:
    """All that must survive a kill. Random numbers are not here: each epoch seeds itself."""

    model: nn.Module
    optimizer: Optimizer
    average: AveragedModel | None = None
    scaler: Any = None
    history: list[EpochRecord] = field(default_factory=list)

    @property
    def is_averaged(self) -> bool:
        """Whether any weights were averaged yet."""
        return self.average is not None and int(self.average.n_averaged) > 0

    @property
    def evaluated(self) -> nn.Module:
        """The model that is validated and kept: the average once there is one."""
        return self.average.module if self.average and self.is_averaged else self.model


def save_checkpoint(
    run_folder: Path,
    state: TrainingState,
    settings: Mapping[str, Any],
    *,
    is_best: bool,
    keep_all: bool = False,
) -> None:
    """Write the state after the last epoch of its history, then delete the checkpoint before.

    AvfakeError if it cannot be written; the one before is complete then.
    """
    home = run_folder / "checkpoints"
    final = home / f"epoch-{len(state.history):04d}"
    partial = home / f".partial-{os.getpid()}"
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        _write(partial, state, settings, before=None if is_best else latest_checkpoint(run_folder))
        partial.rename(final)
    # A full disk is an OSError to Python, and something else to each library.
    except (OSError, RuntimeError, SafetensorError) as error:
        shutil.rmtree(partial, ignore_errors=True)
        raise AvfakeError(
            f"the checkpoint of epoch {len(state.history)} could not be written to {home}: {error}"
            "; the one before is kept; free some space, then run the same again to go on"
        ) from error
    for old in home.iterdir():
        if old != final and keep_all and old.name.startswith("epoch-"):
            for name in ("optimizer.pt", "best.safetensors"):
                (old / name).unlink(missing_ok=True)
        elif old != final:
            shutil.rmtree(old)
    write_metrics(run_folder, state.history)


def _write(
    folder: Path, state: TrainingState, settings: Mapping[str, Any], *, before: Path | None
) -> None:
    """before: the checkpoint whose best epoch is still the best; None = this one is."""
    save_weights(state.model, folder / "model.safetensors")
    if state.is_averaged:
        save_weights(state.evaluated, folder / "average.safetensors")
    name = "average" if state.is_averaged else "model"
    best = before / "best.safetensors" if before else folder / f"{name}.safetensors"
    _link(best, folder / "best.safetensors")
    tensors = {
        "optimizer": state.optimizer.state_dict(),
        "scaler": state.scaler.state_dict() if state.scaler else None,
        "num_averaged": int(state.average.n_averaged) if state.average else 0,
    }
    with (folder / "optimizer.pt").open("wb") as file:  # torch leaves open what it cannot write
        torch.save(tensors, file)
    written = {"settings": settings, "history": [asdict(record) for record in state.history]}
    (folder / "state.json").write_text(json.dumps(written))


def load_checkpoint(run_folder: Path, state: TrainingState, settings: Mapping[str, Any]) -> bool:
    """Load the newest complete checkpoint into the state; return False where there is none."""
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
        state.average.n_averaged.fill_(tensors["num_averaged"])
        if state.is_averaged:
            load_weights(state.average.module, folder / "average.safetensors")
    state.history = [EpochRecord(**record) for record in written["history"]]
    return True


def latest_checkpoint(run_folder: Path) -> Path | None:
    """Return the folder of the last epoch that was written completely."""
    return max((run_folder / "checkpoints").glob("epoch-*"), default=None)


def write_metrics(run_folder: Path, history: list[EpochRecord]) -> None:
    """Write metrics.jsonl completely, so that it never holds an epoch that a kill undid."""
    lines = [json.dumps(asdict(record)) + "\n" for record in history]
    write_whole(run_folder / "metrics.jsonl", "".join(lines))


def publish_best(run_folder: Path) -> None:
    """Put the weights of the best epoch beside the checkpoints."""
    newest = latest_checkpoint(run_folder)
    assert newest is not None
    write_whole(run_folder / "best.safetensors", (newest / "best.safetensors").read_bytes())


def save_weights(model: nn.Module, path: Path) -> None:
    """Write parameters and buffers as safetensors."""
    # Copies, because safetensors takes neither channels-last tensors nor parts of larger ones.
    tensors = {
        name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for name, tensor in model.state_dict().items()
    }
    save_file(tensors, path)


def load_weights(model: nn.Module, path: Path) -> None:
    """Load parameters and buffers; ConfigError, and an unchanged model, if they do not fit."""
    try:
        tensors = load_file(path)
    except (OSError, SafetensorError) as error:
        raise ConfigError(f"{path} cannot be read as weights: {error}") from error
    stored = {name: list(tensor.shape) for name, tensor in tensors.items()}
    wanted = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
    differences = [
        f"{name} ({stored.get(name, 'none')} there, {wanted.get(name, 'none')} here)"
        for name in dict.fromkeys((*wanted, *stored))
        if stored.get(name) != wanted.get(name)
    ]
    if differences:
        raise ConfigError(
            f"{path} holds the weights of another architecture: {len(differences)} tensors differ, "
            f"among them {'; '.join(differences[:3])}. Take another folder, or the settings that "
            "this one was trained with"
        )
    model.load_state_dict(tensors)


def _link(source: Path, target: Path) -> None:
    target.unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:  # some file systems have no links
        shutil.copyfile(source, target)
