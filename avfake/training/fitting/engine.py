"""One epoch of steps, on whatever processes, device and precision there are."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState, GradientState
from accelerate.utils import DistributedDataParallelKwargs
from torch import Tensor, nn
from tqdm import tqdm

from avfake.errors import AvfakeError, ConfigError
from avfake.progress import progress
from avfake.training.fitting.averaging import WeightAverage, measure_statistics
from avfake.training.fitting.batches import Batch, Batches, num_examples, own_share, to_device
from avfake.training.fitting.checkpoint import TrainingState
from avfake.training.fitting.config import FitConfig
from avfake.training.fitting.freezing import Backbones
from avfake.training.fitting.optimizers import build_optimizer, set_rate
from avfake.training.fitting.processes import join_processes, stays_on_cpu
from avfake.training.fitting.sharpness import climbed
from avfake.training.fitting.trackers import installed_trackers, stop_trackers, tracker_folder

Loss = Callable[[Any, Batch], tuple[Tensor, Mapping[str, Tensor | float]]]
"""Output of the model and its batch -> the loss to go down, and parts of it to write down."""


class DivergedError(AvfakeError):
    """A loss, gradient or validation that is no longer a number."""


@dataclass(frozen=True)
class EpochTally:
    """What came of one epoch of training."""

    means: dict[str, float]
    seconds: float
    num_examples: int


class Engine:
    """A model made ready to train."""

    def __init__(
        self, model: nn.Module, loss: Loss, config: FitConfig, run_folder: Path | None = None
    ) -> None:
        self.config, self.loss = config, loss
        self.accelerator = start_accelerator(config, run_folder)
        self.backbones = Backbones(model)
        average = None
        if config.average != "none":
            is_ema = config.average == "ema"
            average = WeightAverage(model, config.average_decay if is_ema else None)
        optimizer = build_optimizer(model, config.optimizer)
        self._shared: tuple[Batches, Batches] | None = None
        self.wrapped, prepared = self.accelerator.prepare(model, optimizer)
        if average:
            average.model.to(self.accelerator.device)
        self.state = TrainingState(model, prepared, average, self.accelerator.scaler)

    def close(self) -> None:
        """Gives the model back as it came, but for its weights and its device."""
        stop_trackers(self.accelerator)
        self.backbones.freeze(frozen=False)
        self.accelerator.unwrap_model(self.wrapped, keep_fp32_wrapper=False)
        # Unwrapping leaves the class's own forward behind as an attribute of the instance.
        for name in ("forward", "_original_forward"):
            vars(self.state.model).pop(name, None)
        self.accelerator.free_memory()

    @contextmanager
    def own_randomness(self) -> Iterator[None]:
        """Seeds set inside do not reach the caller."""
        device = self.accelerator.device
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            yield

    def seed_epoch(self, epoch: int) -> None:
        """Draws from here on depend on (seed, epoch, process) and nothing before."""
        key = (self.config.seed, epoch, self.accelerator.process_index)
        torch.manual_seed(int(np.random.SeedSequence(key).generate_state(1)[0]))

    def train_epoch(
        self, epoch: int, batches: Batches, rate_at: Callable[[float], float]
    ) -> EpochTally:
        """
        Args:
            epoch: the first is 1
            rate_at: share of the full learning rate, by epochs done
        """
        started = time.perf_counter()
        own = self._own_share(batches)
        num_batches, every = len(own), self.config.accumulation
        if num_batches == 0:
            raise ConfigError(f"epoch {epoch} has no batches to train on")
        tally = _Tally()
        self.wrapped.train()
        self.backbones.freeze(frozen=epoch <= self.config.frozen_epochs)
        with self._bar(own, epoch) as bar:
            for index, batch in enumerate(bar):
                set_rate(self.state.optimizer, rate_at(epoch - 1 + index / num_batches))
                is_step = (index + 1) % every == 0 or index + 1 == num_batches
                group_size = min(every, num_batches - index // every * every)
                where = f"epoch {epoch}, batch {index + 1} of {num_batches}"
                parts = self._backward(batch, where, group_size=group_size, is_step=is_step)
                if is_step and self.config.optimizer.sam_rho:
                    with climbed(self.state.model, self.config.optimizer.sam_rho):
                        self._backward(batch, where, group_size=1, is_step=True)
                if is_step:
                    self._step(where)
                tally.add(parts, num_examples(batch))
                self._show(bar, tally, time.perf_counter() - started)
        if self._is_averaged(epoch):
            self._average_epoch(own)
        return EpochTally(tally.means(), time.perf_counter() - started, tally.num_examples)

    def _own_share(self, batches: Batches) -> Batches:
        # A loader that comes again, for the next epoch, keeps the processes it has started.
        if self._shared is None or self._shared[0] is not batches:
            self._shared = batches, own_share(batches, self.accelerator)
        return self._shared[1]

    def _backward(
        self, batch: Batch, where: str, *, group_size: int, is_step: bool
    ) -> dict[str, Tensor | float]:
        # Between steps, processes need not tell each other their gradients.
        alone = nullcontext() if is_step else self.accelerator.no_sync(self.wrapped)
        with alone:
            placed = to_device(batch, self.accelerator.device)
            loss, parts = self.loss(self.wrapped(placed), placed)
            value = float(loss.detach())
            if not math.isfinite(value):
                raise DivergedError(
                    f"the loss became {value} in {where}; the checkpoint of the epoch before is "
                    "kept. Lower the learning rate, clip gradients, or look at this batch"
                )
            self.accelerator.backward(loss / group_size)
        return {"loss": value, **parts}

    def _step(self, where: str) -> None:
        optimizer = self.state.optimizer
        if self.config.clip_norm:
            norm = self.accelerator.clip_grad_norm_(
                self.wrapped.parameters(), self.config.clip_norm
            )
            # With fp16 an overflow is everyday life: the scaler skips the step.
            if self.state.scaler is None and not math.isfinite(norm := float(norm)):
                raise DivergedError(
                    f"the gradient became {norm} in {where}; the checkpoint of the epoch before is "
                    "kept. Lower the learning rate"
                )
        optimizer.step()
        optimizer.zero_grad()
        if self.state.average and self.config.average == "ema":
            self.state.average.update(self.state.model)

    def _is_averaged(self, epoch: int) -> bool:
        config = self.config
        return config.average == "swa" and epoch > int(config.epochs * config.average_start)

    def _average_epoch(self, batches: Batches) -> None:
        average = self.state.average
        assert average
        average.update(self.state.model)
        device = self.accelerator.device
        with self.accelerator.autocast():
            measure_statistics(average.model, (to_device(batch, device) for batch in batches))

    def _show(self, bar: tqdm, tally: "_Tally", seconds: float) -> None:
        if not bar.disable:
            rate = max(group["lr"] for group in self.state.optimizer.param_groups)
            speed = tally.num_examples / max(seconds, 1e-9)
            text = f"loss {tally.mean_loss:.4f}, rate {rate:.1e}, {speed:.1f} examples/s"
            bar.set_postfix_str(text, refresh=False)

    def _bar(self, batches: Batches, epoch: int) -> tqdm:
        shown = self.config.progress and self.accelerator.is_main_process
        return progress(
            batches,
            desc=f"epoch {epoch} of {self.config.epochs}",
            unit="batch",
            leave=False,
            disable=None if shown else True,  # None: off where there is no terminal
        )


def start_accelerator(config: FitConfig, run_folder: Path | None = None) -> Accelerator:
    """A fresh accelerator; several runs in one process may differ in their settings.

    run_folder: where trackers may write; None = there are none
    """
    join_processes(config.device)
    # Accelerate keeps its state in the class and refuses a second run with another precision. The
    # state of the processes stays where there are several: their connection is made only once.
    is_launched = torch.distributed.is_available() and torch.distributed.is_initialized()
    AcceleratorState._reset_state(reset_partial_state=not is_launched)
    GradientState._reset_state()
    use_gpu = config.device == "auto" and torch.cuda.is_available()
    precision = config.mixed_precision
    if precision == "fp16" and not use_gpu:
        raise ConfigError("fit.mixed_precision=fp16 needs a GPU; take bf16 or no")
    if precision == "auto":
        precision = "bf16" if use_gpu and torch.cuda.is_bf16_supported() else "no"
    # A batch without any face leaves the visual branch without gradients.
    unused = DistributedDataParallelKwargs(find_unused_parameters=True)
    trackers = installed_trackers(config.trackers) if run_folder else []
    return Accelerator(
        mixed_precision=precision,
        cpu=stays_on_cpu(config.device),
        kwargs_handlers=[unused],
        log_with=trackers or None,
        project_dir=tracker_folder(run_folder) if run_folder else None,
    )


class _Tally:
    """Means over examples; tensors stay on their device until they are asked for."""

    def __init__(self) -> None:
        self.totals: dict[str, Tensor | float] = {}
        self.num_examples = 0

    def add(self, parts: Mapping[str, Tensor | float], num_new: int) -> None:
        self.num_examples += num_new
        for name, part in parts.items():
            value = part.detach() if isinstance(part, Tensor) else part
            self.totals[name] = self.totals.get(name, 0.0) + value * num_new

    @property
    def mean_loss(self) -> float:
        return float(self.totals["loss"]) / max(self.num_examples, 1)

    def means(self) -> dict[str, float]:
        return {k: float(total) / max(self.num_examples, 1) for k, total in self.totals.items()}
