"""What a run keeps on disk: whole at every moment, so that it may be killed at any.

run_folder/
  metrics.jsonl              one line an epoch
  checkpoints/epoch-0007/    model, average, best (safetensors), optimizer.pt, state.json; of the
                             epochs before, where they are kept, all but the optimizer
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
from safetensors import SafetensorError
from torch import nn
from torch.optim import Optimizer

from avfake.config import from_dict, to_dict
from avfake.errors import AvfakeError, ConfigError
from avfake.storage import write_whole
from avfake.training.fitting.averaging import WeightAverage
from avfake.training.fitting.weights import load_weights, save_weights


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
        """The model that is validated and kept: the average once there is one."""
        return self.average.model if self.average and self.average.num_updates else self.model


def save_checkpoint(
    run_folder: Path,
    state: TrainingState,
    settings: Mapping[str, Any],
    *,
    is_best: bool,
    keep_all: bool = False,
) -> Path:
    """Writes the state after the last epoch of its history, then lets the one before go.

    AvfakeError if it cannot be written; the one before is whole then.
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
            "; the one before is kept; make room, then run the same again to go on"
        ) from error
    for old in home.iterdir():
        if keep_all and old.name.startswith("epoch-"):
            _lighten(old, newest=final)
        elif old != final:
            shutil.rmtree(old)
    write_metrics(run_folder, state.history)
    return final


def _write(
    folder: Path, state: TrainingState, settings: Mapping[str, Any], *, before: Path | None
) -> None:
    """before: the checkpoint whose best is still the best; None = this one is."""
    save_weights(state.model, folder / "model.safetensors")
    if state.average and state.average.num_updates:
        save_weights(state.average.model, folder / "average.safetensors")
    best = before / "best.safetensors" if before else _answering(folder)
    _link(best, folder / "best.safetensors")
    tensors = {
        "optimizer": state.optimizer.state_dict(),
        "scaler": state.scaler.state_dict() if state.scaler else None,
        "num_averaged": state.average.num_updates if state.average else 0,
    }
    torch.save(tensors, folder / "optimizer.pt")
    written = {"settings": settings, "history": [to_dict(record) for record in state.history]}
    (folder / "state.json").write_text(json.dumps(written))


def epoch_weights(run_folder: str | Path, epoch: int) -> Path:
    """The weights that were validated after an epoch; ConfigError if they are not there (any more).

    With `keep_checkpoints` "all" every epoch has them, otherwise the last alone.
    """
    home = Path(run_folder) / "checkpoints"
    folder = home / f"epoch-{epoch:04d}"
    if not folder.is_dir():
        kept = ", ".join(str(int(path.name[6:])) for path in sorted(home.glob("epoch-*")))
        raise ConfigError(
            f"{run_folder} has no weights of epoch {epoch}; of epochs {kept or 'none'} it has. "
            "All are kept with --fit.keep-checkpoints all"
        )
    return _answering(folder)


def _answering(folder: Path) -> Path:
    average = folder / "average.safetensors"
    return average if average.is_file() else folder / "model.safetensors"


def _lighten(folder: Path, *, newest: Path) -> None:
    """Leaves of an epoch that is past what may still be asked for."""
    if folder != newest:
        for name in ("optimizer.pt", "best.safetensors"):
            (folder / name).unlink(missing_ok=True)


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
        state.average.num_updates = tensors["num_averaged"]
        if state.average.num_updates:
            load_weights(state.average.model, folder / "average.safetensors")
    state.history = [from_dict(EpochRecord, record) for record in written["history"]]
    return True


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
