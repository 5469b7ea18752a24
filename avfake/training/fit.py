"""Training from the first epoch, or from the last checkpoint, to the best state.

Independent of data and modality: the batches of an epoch, the loss of an output and the validation
of a model are functions. Each epoch is completely on disk before the next begins.
"""

import json
import logging
import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from avfake.config import to_dict
from avfake.errors import ConfigError, nearest
from avfake.storage import write_whole
from avfake.training.accelerator import (
    Batches,
    is_main_process,
    on_main_process,
    start_trackers,
    track,
)
from avfake.training.checkpoints import (
    EpochRecord,
    load_checkpoint,
    load_weights,
    publish_best,
    save_checkpoint,
    write_metrics,
)
from avfake.training.engine import DivergedError, Engine, Loss
from avfake.training.fit_config import FitConfig
from avfake.training.run import check_settings
from avfake.training.schedules import rate_of

logger = logging.getLogger(__name__)
Validate = Callable[[nn.Module], Mapping[str, float]]


@dataclass(frozen=True)
class FitResult:
    """Outcome of a run."""

    best_epoch: int
    """The first is 1."""
    metrics: dict[str, float | None]
    """Validation metrics of the best epoch."""
    history: tuple[EpochRecord, ...]
    stopped: Literal["finished", "patience"]
    best_path: Path
    """safetensors with the weights of the best epoch."""


def fit(
    model: nn.Module,
    *,
    loss: Loss,
    train_batches: Callable[[int], Batches],
    validate: Validate,
    config: FitConfig,
    run_folder: str | Path,
    after_epoch: Callable[[EpochRecord], None] = lambda _: None,
) -> FitResult:
    """Train a model, or go on training it, and load the best weights into it.

    A finished run is not repeated. One that was killed goes on after its last complete epoch, and
    ends, on a CPU, with the same weights as if it had not been killed.

    Args:
        train_batches: epoch (the first is 1) -> its batches, drawn from the epoch number alone;
            swa iterates over them twice
        validate: model in eval mode -> metrics, among them `config.metric`; called without
            gradients and, with several processes, on the main process (see `outputs_of`)
        run_folder: belongs to this run and its settings
        after_epoch: called when the epoch is on disk
    """
    folder = Path(run_folder)
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "result.json").exists():
        engine = Engine(model, loss, config, folder)
        try:
            _train(engine, train_batches, validate, folder, after_epoch)
        finally:
            engine.close()
    result = _read_result(folder, config)
    load_weights(model, result.best_path)
    model.eval()
    return result


def fixed_settings(config: FitConfig) -> dict[str, Any]:
    """Return the settings that a run must keep to: all but where and how visibly it runs."""
    free = ("progress", "device", "trackers")
    return {key: value for key, value in to_dict(config).items() if key not in free}


def _read_result(folder: Path, config: FitConfig) -> FitResult:
    """Return the result of a finished run; ConfigError if it had other settings."""
    stored = json.loads((folder / "result.json").read_text())
    check_settings(folder, stored.pop("settings"), fixed_settings(config))
    history = tuple(EpochRecord(**record) for record in stored.pop("history"))
    return FitResult(**stored, history=history, best_path=folder / "best.safetensors")


def _train(
    engine: Engine,
    train_batches: Callable[[int], Batches],
    validate: Validate,
    folder: Path,
    after_epoch: Callable[[EpochRecord], None],
) -> None:
    """Train up to the last epoch, each of which is on disk before the next, and write the end."""
    config, settings = engine.config, fixed_settings(engine.config)
    resumed = load_checkpoint(folder, engine.state, settings)
    history = engine.state.history
    start_trackers(engine.accelerator, settings, resumed=resumed)
    device = engine.accelerator.device
    # The caller's random state is kept: seeds set inside the context end with it.
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        while not why_stopped(history, config):
            epoch = len(history) + 1
            engine.seed_epoch(epoch)
            record = _run_epoch(engine, epoch, train_batches(epoch), validate)
            _save_epoch(engine, record, folder)
            after_epoch(record)
    if is_main_process():
        write_metrics(folder, history)
        publish_best(folder)
        best = best_epoch(history, config)
        result = {
            "best_epoch": best,
            "metrics": history[best - 1].validation,
            "stopped": why_stopped(history, config),
            "settings": settings,
            "history": [asdict(record) for record in history],
        }
        write_whole(folder / "result.json", json.dumps(result))
    engine.accelerator.wait_for_everyone()


def _run_epoch(engine: Engine, epoch: int, batches: Batches, validate: Validate) -> EpochRecord:
    """Train and validate one epoch."""
    config = engine.config
    past = _metric_of(engine.state.history, config.metric)
    means = engine.train_epoch(epoch, batches, lambda done: rate_of(config, done, past))
    seconds = means.seconds
    return EpochRecord(
        epoch,
        train=_finite(means.values()),
        validation=_validate(engine, validate, epoch),
        learning_rate=engine.rate,
        seconds=seconds,
        examples_per_second=engine.accelerator.num_processes * means.num_examples / seconds,
    )


def _save_epoch(engine: Engine, record: EpochRecord, folder: Path) -> None:
    """Write the checkpoint, and send the numbers to trackers and log."""
    config, state = engine.config, engine.state
    state.history.append(record)
    if is_main_process():
        is_best = best_epoch(state.history, config) == record.epoch
        keep_all = config.keep_checkpoints == "all"
        save_checkpoint(folder, state, fixed_settings(config), is_best=is_best, keep_all=keep_all)
        track(engine.accelerator, record)
        shown = {"loss": record.train["loss"], config.metric: record.validation[config.metric]}
        numbers = ", ".join(f"{k} {v:.4f}" for k, v in shown.items() if v is not None)
        logger.info(
            "epoch %d of %d: %s (%.1f examples/s)",
            *(record.epoch, config.epochs, numbers, record.examples_per_second),
        )
    engine.accelerator.wait_for_everyone()


def _validate(engine: Engine, validate: Validate, epoch: int) -> dict[str, float | None]:
    def on_this_process() -> Mapping[str, float]:
        with torch.no_grad(), engine.accelerator.autocast():
            return dict(validate(engine.state.evaluated.eval()))

    found = _finite(on_main_process(on_this_process))
    metric = engine.config.metric
    if metric not in found:
        raise ConfigError(
            f"fit.metric {metric!r} is not among the validation metrics{nearest(metric, found)}: "
            f"{', '.join(found)}"
        )
    if found[metric] is None:
        raise DivergedError(
            f"validation {metric} is not a number after epoch {epoch}; the checkpoint of the epoch "
            "before is kept"
        )
    return found


def why_stopped(
    history: list[EpochRecord], config: FitConfig
) -> Literal["finished", "patience"] | None:
    """Return why training ended; None while there is more to train."""
    if len(history) >= config.epochs:
        return "finished"
    if config.patience and history:
        waited = len(history) - max(best_epoch(history, config), config.first_best_epoch - 1)
        return "patience" if waited >= config.patience else None
    return None


def best_epoch(history: list[EpochRecord], config: FitConfig) -> int:
    """Return the first epoch with the lowest metric, among those that can be the best.

    The very first stands in while there is none.
    """
    early = config.first_best_epoch - 1
    values = [math.inf] * early + _metric_of(history, config.metric)[early:]
    return values.index(min(values)) + 1


def _metric_of(history: list[EpochRecord], metric: str) -> list[float]:
    values = [record.validation[metric] for record in history]
    return [math.inf if value is None else value for value in values]


def _finite(metrics: Mapping[str, float]) -> dict[str, float | None]:
    """Return plain numbers; None for those that JSON cannot hold."""
    return {name: float(v) if math.isfinite(v) else None for name, v in metrics.items()}
