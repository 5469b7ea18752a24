"""What each transform and preset of `augment` costs: milliseconds a clip, on one thread.

    python -m benchmarks augment_throughput --num-frames 8 --side-px 256

Each is done whenever it fits, chance aside, without a partner, on pictures and sound made of
smoothed noise; the figure is the median of the repeats, each with other parameters. A preset is
drawn as training draws it, so its figure is the mean over many draws.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from scipy.ndimage import gaussian_filter

from avfake.augment.pipeline import Pipeline
from avfake.augment.presets import PICTURE, SOUND
from avfake.clips.dataset import TrainingSample
from avfake.forgery.faces_in_place import TEMPLATE
from avfake.labels import Labels


@dataclass(frozen=True)
class Config:
    """The clip that is changed, and how often."""

    num_frames: int = 8
    side_px: int = 256
    num_windows: int = 2
    window_seconds: float = 2.0
    repeats: int = 9
    seed: int = 0


def main(config: Config) -> None:
    torch.set_num_threads(1)
    sample = make_sample(config)
    rows = []
    for kind, known in (("picture", PICTURE), ("sound", SOUND)):
        for name, chain in known.items():
            single = len(chain) == 1 and name not in ("codec", "cutouts", "degraded")
            if single:
                change = chain[0]
                times = [time_of(lambda rng, t=change: once(t, sample, rng), config, i)
                         for i in range(config.repeats)]  # fmt: skip
                cost = float(np.median(times))
            else:
                pipeline = Pipeline(chain)
                times = [time_of(lambda rng, p=pipeline: p(sample, rng), config, i)
                         for i in range(5 * config.repeats)]  # fmt: skip
                cost = float(np.mean(times))
            rows.append((kind, name, "transform" if single else "preset", round(cost, 1)))
    print(pd.DataFrame(rows, columns=["of", "name", "kind", "ms_a_clip"]).to_string(index=False))


def once(transform: object, sample: TrainingSample, rng: np.random.Generator) -> None:
    params = transform.parameters(sample, rng)
    if params is not None:
        transform.change(sample, **params)


def time_of(change: Callable[[np.random.Generator], object], config: Config, turn: int) -> float:
    """Milliseconds."""
    rng = np.random.default_rng([config.seed, turn])
    start = time.perf_counter()
    change(rng)
    return 1000 * (time.perf_counter() - start)


def make_sample(config: Config) -> TrainingSample:
    rng = np.random.default_rng(config.seed)
    count, side = config.num_frames, config.side_px
    noise = gaussian_filter(rng.standard_normal((count, side, side, 3)), (0, 3, 3, 0))
    length = round(config.window_seconds * 16_000)
    return TrainingSample(
        faces=(128 + 60 * noise / noise.std()).clip(0, 255).astype(np.uint8),
        landmarks=np.tile((TEMPLATE * side).astype(np.float32), (count, 1, 1)),
        persons=np.zeros(count, np.int64),
        sound=(0.1 * rng.standard_normal((config.num_windows, length))).astype(np.float32),
        crop_sound=np.zeros((count, 0), np.float32),
        sample_rate=16_000,
        labels=Labels(0.0, 0.0, 0.0),
        weights=Labels(1.0, 1.0, 1.0),
    )
