"""One epoch of optimisation steps, on any processes, device and precision."""

import math
import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from tqdm import tqdm

from avfake.errors import AvfakeError, ConfigError
from avfake.parallel import progress
from avfake.training.accelerator import (
    Batch,
    Batches,
    num_examples,
    own_share,
    start_accelerator,
    to_device,
)
from avfake.training.checkpoints import TrainingState
from avfake.training.fit_config import FitConfig
from avfake.training.optimizers import (
    Backbones,
    averaged_model,
    build_optimizer,
    measure_statistics,
    sam_perturbation,
    set_rate,
)
from avfake.training.run import epoch_seed

Loss = Callable[[Any, Batch], tuple[Tensor, Mapping[str, Tensor | float]]]
"""Output of the model and its batch -> the loss to minimise, and parts of it to write down."""


class DivergedError(AvfakeError):
    """A loss, gradient or validation metric that is not a finite number."""


class EpochMeans:
    """Means over the examples of an epoch; tensors stay on their device until they are read."""

    def __init__(self) -> None:
        self.totals: dict[str, Tensor | float] = {}
        self.num_examples = 0
        self.started = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Time since the epoch began."""
        return max(time.perf_counter() - self.started, 1e-9)

    def add(self, parts: Mapping[str, Tensor | float], num_new: int) -> None:
        self.num_examples += num_new
        for name, part in parts.items():
            value = part.detach() if isinstance(part, Tensor) else part
            self.totals[name] = self.totals.get(name, 0.0) + value * num_new

    def values(self) -> dict[str, float]:
        return {k: float(total) / max(self.num_examples, 1) for k, total in self.totals.items()}


class Engine:
    """A model prepared for training."""

    def __init__(self, model: nn.Module, loss: Loss, config: FitConfig, run_folder: Path) -> None:
        self.config, self.loss = config, loss
        self._is_ema = config.average == "ema"
        self.accelerator = start_accelerator(config, run_folder)
        self.backbones = Backbones(model)
        if config.compile:
            self.backbones.compile()
        average = None
        if config.average != "none":
            average = averaged_model(model, config.average_decay if self._is_ema else None)
        optimizer = build_optimizer(model, config)
        self._shared: tuple[Batches, Batches] | None = None
        self.wrapped, prepared = self.accelerator.prepare(model, optimizer)
        if average:
            average.module.to(self.accelerator.device)
        self.state = TrainingState(model, prepared, average, self.accelerator.scaler)

    @property
    def rate(self) -> float:
        """The highest of the present learning rates."""
        return float(max(group["lr"] for group in self.state.optimizer.param_groups))

    def close(self) -> None:
        """Restore the model as it came, except for its weights and its device."""
        # Not end_training(), which would part the processes, too.
        for tracker in self.accelerator.trackers:
            tracker.finish()
        self.backbones.restore()
        self.accelerator.unwrap_model(self.wrapped, keep_fp32_wrapper=False)
        # Unwrapping leaves the class's own forward behind as an attribute of the instance.
        for name in ("forward", "_original_forward"):
            vars(self.state.model).pop(name, None)
        self.accelerator.free_memory()

    def seed_epoch(self, epoch: int) -> None:
        """Make all draws from here on depend on (seed, epoch, process) and nothing before."""
        process = self.accelerator.process_index
        torch.manual_seed(epoch_seed(self.config.seed, epoch, process))

    def train_epoch(
        self, epoch: int, batches: Batches, rate_at: Callable[[float], float]
    ) -> EpochMeans:
        """Train on all batches once.

        Args:
            epoch: the first is 1
            rate_at: epochs done -> share of the full learning rate
        """
        means = EpochMeans()
        own = self._own_share(batches)
        num_batches, every = len(own), self.config.accumulation
        if num_batches == 0:
            raise ConfigError(f"epoch {epoch} has no batches to train on")
        self.wrapped.train()
        self.backbones.freeze(frozen=epoch <= self.config.frozen_epochs)
        with self._bar(own, epoch) as bar:
            for index, batch in enumerate(bar):
                set_rate(self.state.optimizer, rate_at(epoch - 1 + index / num_batches))
                is_step = (index + 1) % every == 0 or index + 1 == num_batches
                group_size = min(every, num_batches - index // every * every)
                where = f"epoch {epoch}, batch {index + 1} of {num_batches}"
                parts = self._backward(batch, where, group_size=group_size, is_step=is_step)
                if is_step and self.config.sam_rho:
                    with sam_perturbation(self.state.model, self.config.sam_rho):
                        self._backward(batch, where, group_size=1, is_step=True)
                if is_step:
                    self._step(where)
                means.add(parts, num_examples(batch))
                self._show(bar, means)
        self._average_epoch(epoch, own)
        return means

    def _own_share(self, batches: Batches) -> Batches:
        # A loader that comes again, for the next epoch, keeps the processes it has started.
        if self._shared is None or self._shared[0] is not batches:
            self._shared = batches, own_share(batches, self.accelerator)
        return self._shared[1]

    def _backward(
        self, batch: Batch, where: str, *, group_size: int, is_step: bool
    ) -> dict[str, Tensor | float]:
        # Between steps, processes need not exchange their gradients.
        with nullcontext() if is_step else self.accelerator.no_sync(self.wrapped):
            moved = to_device(batch, self.accelerator.device)
            loss, parts = self.loss(self.wrapped(moved), moved)
            value = float(loss.detach())
            if not math.isfinite(value):
                raise DivergedError(
                    f"the loss became {value} in {where}; the checkpoint of the epoch before is "
                    "kept. Lower the learning rate, clip gradients, or look at this batch"
                )
            self.accelerator.backward(loss / group_size)
        return {"loss": value, **parts}

    def _step(self, where: str) -> None:
        if self.config.clip_norm:
            norm = self.accelerator.clip_grad_norm_(
                self.wrapped.parameters(), self.config.clip_norm
            )
            # With fp16 an overflow is ordinary: the scaler skips the step.
            if self.state.scaler is None and not math.isfinite(norm := float(norm)):
                raise DivergedError(
                    f"the gradient became {norm} in {where}; the checkpoint of the epoch before is "
                    "kept. Lower the learning rate"
                )
        self.state.optimizer.step()
        self.state.optimizer.zero_grad()
        if self.state.average and self._is_ema:
            self.state.average.update_parameters(self.state.model)

    def _average_epoch(self, epoch: int, batches: Batches) -> None:
        """Update the average of swa, if it has begun, and its batch statistics."""
        average, config = self.state.average, self.config
        if not average or self._is_ema or epoch <= int(config.epochs * config.average_start):
            return
        average.update_parameters(self.state.model)
        device = self.accelerator.device
        with self.accelerator.autocast():
            measure_statistics(average.module, (to_device(batch, device) for batch in batches))

    def _show(self, bar: tqdm, means: EpochMeans) -> None:
        if not bar.disable:
            speed = means.num_examples / means.seconds
            loss = means.values()["loss"]
            text = f"loss {loss:.4f}, rate {self.rate:.1e}, {speed:.1f} examples/s"
            bar.set_postfix_str(text, refresh=False)

    def _bar(self, batches: Batches, epoch: int) -> tqdm:
        is_shown = self.config.progress and self.accelerator.is_main_process
        return progress(
            batches,
            desc=f"epoch {epoch} of {self.config.epochs}",
            unit="batch",
            leave=False,
            disable=None if is_shown else True,  # None: off where there is no terminal
        )
