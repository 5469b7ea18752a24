"""How many clips a second one core reads and augments, beside what a network takes of them.

    python -m benchmarks loader_throughput --clips clips/ --accelerator-clips-per-second 40

Reads prepared clips as training does, with each augmentation in turn, in this process and in
processes beside it, and times training steps of a network on this CPU, on one thread. Prints one
table. A core of the loader here is the CPU time that reading took, so that other work on the same
machine changes it little; clips_per_second is by the clock. bottleneck: which of the two would wait
for the other if each had one core. cores_for_accelerator: --accelerator-clips-per-second, as
measured with the network in question, over the clips a second of one core.
"""

import math
import os
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import numpy as np
import pandas as pd
import torch
import tyro

from avfake.augment.config import AugmentConfig, ForgeConfig
from avfake.augment.mixing import MixingCollate
from avfake.augment.pipeline import build_pipeline
from avfake.clips.dataset import ClipDataset
from avfake.clips.loading import EpochDraws, load_batches, named_failures
from avfake.clips.preparation.folder import PreparedFolder
from avfake.clips.sample import SampleConfig
from avfake.models.audio import AudioConfig
from avfake.models.av_model import ModelConfig, build_model
from avfake.models.visual import VisualConfig
from avfake.training.config import LossConfig, TrainingConfig
from avfake.training.losses import multitask_loss
from avfake.training.plan import gather

AUGMENTATIONS = {
    "none": AugmentConfig(picture=()),
    "flip": AugmentConfig(),
    "winner": AugmentConfig(picture=("winner",)),
    "codec": AugmentConfig(picture=("codec",), sound=("codec",)),
    "forge": AugmentConfig(forge=ForgeConfig(face_rate=0.5, voice_rate=0.5)),
}


@dataclass(frozen=True)
class Config:
    """What is read, how, and by what it is learned from."""

    clips: Annotated[tuple[Path, ...], tyro.conf.UseAppendAction]
    """Folder made by avfake prepare."""
    augmentations: tuple[str, ...] = tuple(AUGMENTATIONS)
    """none, flip (what recipes do by default), winner, codec (of picture and sound), forge (half of
    the faces and voices, on the fly)."""
    num_frames: tuple[int, ...] = (8, 32)
    """Crops drawn of a clip."""
    workers: tuple[int, ...] = (0, 1, 2)
    """Processes that read; 0 = this one."""
    max_clips: int = 48
    """Read in each measurement."""
    repeats: int = 3
    """Number of measurements, of which the median is taken."""
    batch_size: int = 8
    step_clips: int = 2
    """Clips of a training step that is timed; 8 clips of 32 crops of B0 take more than 20 GB."""
    networks: tuple[str, ...] = ("test_resnet:112", "tf_efficientnet_b0:224")
    """Visual backbone and size of its crops in px, to be trained on this CPU; none to skip."""
    accelerator_clips_per_second: float | None = None
    """What an accelerator trains on, as measured; for the number of cores that feed it."""
    seed: int = 0
    audio: AudioConfig = field(default_factory=lambda: TrainingConfig.preset("small").audio)


def main(config: Config) -> None:
    torch.set_num_threads(1)
    steps = {
        (frames, network): step_rate(config, frames, network)
        for frames in config.num_frames
        for network in config.networks
    }
    print(f"{len(os.sched_getaffinity(0))} cores; training alone, on one core, clips a second:")
    for (frames, network), rate in steps.items():
        print(f"  {network}, {frames} frames: {rate:.2f}", flush=True)
    rows = []
    for frames in config.num_frames:
        for name in config.augmentations:
            alone = None
            for workers in config.workers:
                by_clock, by_core = loader_rate(config, frames, name, workers=workers)
                # What the processes beside use is seen at their end only; it is the same work.
                alone = by_core if workers == 0 else alone
                rows.append(
                    {"frames": frames, "augmentation": name, "workers": workers}
                    | {"clips_per_second": by_clock, "per_core": alone}
                    | bottlenecks(config, steps, frames, alone)
                )
    print(pd.DataFrame(rows).round(2).to_string(index=False))


def bottlenecks(
    config: Config, steps: dict[tuple[int, str], float], frames: int, per_core: float | None
) -> dict[str, object]:
    """Columns on who waits for whom."""
    if per_core is None:
        return {}
    found: dict[str, object] = {
        f"bottleneck_{network}": "model" if per_core > steps[frames, network] else "loader"
        for network in config.networks
    }
    if config.accelerator_clips_per_second:
        found["cores_for_accelerator"] = math.ceil(config.accelerator_clips_per_second / per_core)
    return found


def loader_rate(config: Config, frames: int, name: str, *, workers: int) -> tuple[float, float]:
    """Clips a second by the clock, and by the CPU time of this process; medians of the repeats."""
    entries = [e.entry for e in gather_clips(config)]
    augment = AUGMENTATIONS[name]
    sampling = SampleConfig(num_frames=frames, num_windows=2)
    draws = EpochDraws(lambda _: range(len(entries)))
    loader = load_batches(
        ClipDataset(entries, sampling, seed=config.seed, augment=build_pipeline(augment)),
        batch_size=config.batch_size,
        draws=draws,
        join=MixingCollate(augment.mix, config.seed),
        workers=workers,
    )
    by_clock, by_core = [], []
    with named_failures([loader]):
        for epoch in range(config.repeats + 1):
            draws.start(epoch)
            clock, core = time.perf_counter(), time.process_time()
            for _ in loader:
                pass
            if epoch:  # the first starts processes, imports and fills the file cache
                by_clock.append(len(entries) / (time.perf_counter() - clock))
                by_core.append(len(entries) / (time.process_time() - core))
    return float(np.median(by_clock)), float(np.median(by_core))


def step_rate(config: Config, frames: int, network: str) -> float:
    """Clips a second of CPU time that training steps take; the median of the repeats."""
    name, _, side = network.partition(":")
    visual = VisualConfig(name, weights="none", size_px=int(side))
    model = build_model(ModelConfig(visual=visual, audio=config.audio)).train()
    optimizer = torch.optim.AdamW(model.parameters())
    entries = [e.entry for e in gather_clips(config)][: config.step_clips]
    sampling = SampleConfig(num_frames=frames, num_windows=2)
    dataset = ClipDataset(entries, sampling, seed=config.seed)
    batch = next(iter(load_batches(dataset, batch_size=config.step_clips)))
    rates = []
    for _ in range(config.repeats + 1):
        start = time.process_time()
        loss, _ = multitask_loss(LossConfig(), model(batch), batch)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        rates.append(len(entries) / (time.process_time() - start))
    return float(np.median(rates[1:]))


def gather_clips(config: Config) -> list:
    folders = [PreparedFolder(path) for path in config.clips]
    return gather(folders, assume_face_weight=1.0)[: config.max_clips]
