"""Training from the first epoch, or from where it was, to the best state.

It knows no dataset and no modality; what it needs comes as functions: the batches of an epoch, the
loss of an output, the validation of a model. Each epoch is on disk, whole, before the next begins.
"""

import json
import logging
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from accelerate.utils import broadcast_object_list
from torch import nn

from avfake.config import from_dict, nearest, to_dict
from avfake.errors import ConfigError
from avfake.storage import write_whole
from avfake.training.fitting.batches import Batches
from avfake.training.fitting.checkpoint import (
    EpochRecord,
    check_settings,
    load_checkpoint,
    publish_best,
    save_checkpoint,
    write_metrics,
)
from avfake.training.fitting.config import FitConfig
from avfake.training.fitting.engine import DivergedError, Engine, Loss
from avfake.training.fitting.schedules import rate_factor
from avfake.training.fitting.trackers import start_trackers, track
from avfake.training.fitting.weights import load_weights

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class FitResult:
    """How a run ended."""

    best_epoch: int
    """The first is 1."""
    metrics: dict[str, float | None]
    """The validation of the best epoch."""
    history: tuple[EpochRecord, ...]
    stopped: Literal["finished", "patience"]
    best_path: Path
    """safetensors with the weights of the best epoch."""


def fit(
    model: nn.Module,
    *,
    loss: Loss,
    train_batches: Callable[[int], Batches],
    validate: Callable[[nn.Module], Mapping[str, float]],
    config: FitConfig,
    run_folder: str | Path,
    after_epoch: Callable[[EpochRecord], None] | None = None,
) -> FitResult:
    """The result, with the best weights in `model`, wherever the run stood before.

    A finished run is not run again. One that was killed goes on after its last whole epoch, and
    ends, on a CPU, with the same weights as if nothing had happened.

    Args:
        train_batches: epoch (the first is 1) -> its batches, drawn from the epoch number alone;
            they can be gone over twice (swa does)
        validate: model in eval mode -> metrics, among them `config.metric`; called without
            gradients and, with several processes, on the first of them (see `outputs_of`)
        run_folder: belongs to this run and its settings
        after_epoch: called when the epoch is on disk
    """
    folder = Path(run_folder)
    folder.mkdir(parents=True, exist_ok=True)
    settings = run_settings(config)
    result = read_result(folder, settings)
    if result is None:
        engine = Engine(model, loss, config, folder)
        try:
            resumed = load_checkpoint(folder, engine.state, settings)
            start_trackers(engine.accelerator, settings, resumed=resumed)
            with engine.own_randomness():
                _run_epochs(engine, train_batches, validate, folder, after_epoch=after_epoch)
            result = _conclude(engine, folder)
        finally:
            engine.close()
    load_weights(model, result.best_path)
    model.eval()
    return result


def run_settings(config: FitConfig) -> dict[str, Any]:
    """The settings that a run must keep to; where and how visibly it runs may change."""
    settings = to_dict(config)
    free = ("progress", "device", "trackers")
    return {key: value for key, value in settings.items() if key not in free}


def read_result(run_folder: Path, settings: Mapping[str, Any]) -> FitResult | None:
    """What a finished run left; None where it is not finished."""
    path = run_folder / "result.json"
    if not path.exists():
        return None
    stored = json.loads(path.read_text())
    check_settings(run_folder, stored.pop("settings"), settings)
    history = tuple(from_dict(EpochRecord, record) for record in stored.pop("history"))
    return FitResult(**stored, history=history, best_path=run_folder / "best.safetensors")


def _run_epochs(
    engine: Engine,
    train_batches: Callable[[int], Batches],
    validate: Callable[[nn.Module], Mapping[str, float]],
    folder: Path,
    *,
    after_epoch: Callable[[EpochRecord], None] | None,
) -> None:
    config, state = engine.config, engine.state
    while not why_stopped(state.history, config):
        epoch = len(state.history) + 1
        engine.seed_epoch(epoch)
        past = _metric_of(state.history, config.metric)

        def rate_at(epochs_done: float, past: list[float] = past) -> float:
            return rate_of(config, epochs_done, past)

        tally = engine.train_epoch(epoch, train_batches(epoch), rate_at)
        record = EpochRecord(
            epoch,
            train=_finite(tally.means),
            validation=_validate(engine, validate, epoch),
            learning_rate=max(group["lr"] for group in state.optimizer.param_groups),
            seconds=tally.seconds,
            examples_per_second=engine.accelerator.num_processes
            * tally.num_examples
            / max(tally.seconds, 1e-9),
        )
        state.history.append(record)
        if engine.accelerator.is_main_process:
            is_best = best_epoch(state.history, config) == epoch
            keep_all = config.keep_checkpoints == "all"
            save_checkpoint(folder, state, run_settings(config), is_best=is_best, keep_all=keep_all)
            track(engine.accelerator, record)
            logger.info("epoch %d of %d: %s", epoch, config.epochs, _one_line(record, config))
        engine.accelerator.wait_for_everyone()
        if after_epoch:
            after_epoch(record)


def _validate(
    engine: Engine, validate: Callable[[nn.Module], Mapping[str, float]], epoch: int
) -> dict[str, float | None]:
    metrics: list[Any] = [None]
    if engine.accelerator.is_main_process:
        model = engine.state.answering.eval()
        with torch.no_grad(), engine.accelerator.autocast():
            metrics = [dict(validate(model))]
    found = _finite(broadcast_object_list(metrics)[0])
    metric = engine.config.metric
    if metric not in found:
        raise ConfigError(
            f"fit.metric {metric!r} is not among what validation gives{nearest(metric, found)}: "
            f"{', '.join(found)}"
        )
    if found[metric] is None:
        raise DivergedError(
            f"validation {metric} is not a number after epoch {epoch}; the checkpoint of the epoch "
            "before is kept"
        )
    return found


def _conclude(engine: Engine, folder: Path) -> FitResult:
    history = engine.state.history
    best = best_epoch(history, engine.config)
    stopped = why_stopped(history, engine.config)
    assert stopped
    ending: dict[str, Any] = {
        "best_epoch": best,
        "metrics": history[best - 1].validation,
        "stopped": stopped,
    }
    if engine.accelerator.is_main_process:
        write_metrics(folder, history)
        publish_best(folder)
        records = [to_dict(record) for record in history]
        stored = {**ending, "settings": run_settings(engine.config), "history": records}
        write_whole(folder / "result.json", json.dumps(stored))
    engine.accelerator.wait_for_everyone()
    return FitResult(**ending, history=tuple(history), best_path=folder / "best.safetensors")


def why_stopped(
    history: list[EpochRecord], config: FitConfig
) -> Literal["finished", "patience"] | None:
    """None while there is more to train."""
    if len(history) >= config.epochs:
        return "finished"
    if config.patience and history:
        waited = len(history) - max(best_epoch(history, config), config.first_best_epoch - 1)
        return "patience" if waited >= config.patience else None
    return None


def best_epoch(history: list[EpochRecord], config: FitConfig) -> int:
    """The first epoch with the lowest metric, of those that may be the best.

    The very first stands in while there is none.
    """
    early = config.first_best_epoch - 1
    values = [math.inf] * early + _metric_of(history, config.metric)[early:]
    return values.index(min(values)) + 1


def rate_of(config: FitConfig, epochs_done: float, past: Sequence[float] = ()) -> float:
    """Share of the full learning rate; a backbone set free begins with a schedule of its own.

    past: the validation metric after each epoch so far
    """
    frozen = config.frozen_epochs
    if epochs_done < frozen:
        return rate_factor(config.schedule, epochs_done, frozen, past)
    return rate_factor(config.schedule, epochs_done - frozen, config.epochs - frozen, past[frozen:])


def _metric_of(history: list[EpochRecord], metric: str) -> list[float]:
    values = [record.validation[metric] for record in history]
    return [math.inf if value is None else value for value in values]


def _finite(metrics: Mapping[str, float]) -> dict[str, float | None]:
    """As plain numbers; None for those that JSON cannot hold."""
    plain = {name: float(value) for name, value in metrics.items()}
    return {name: value if math.isfinite(value) else None for name, value in plain.items()}


def _one_line(record: EpochRecord, config: FitConfig) -> str:
    """The rest stands in metrics.jsonl."""
    shown = {"loss": record.train["loss"], config.metric: record.validation[config.metric]}
    numbers = ", ".join(f"{k} {v:.4f}" for k, v in shown.items() if v is not None)
    return f"{numbers} ({record.examples_per_second:.1f} examples/s)"
