"""Time of each forgery on one thread: `python -m benchmarks forge_speed`.

Faces: ms a 256 px crop, on clips of 8 frames of noise (the hardest picture to filter). Voices: ms a
window of 2 s at 16 kHz. Each is the mean over draws.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch

from avfake.forgery.face_methods import FACE_METHODS
from avfake.forgery.faces_in_place import TEMPLATE
from avfake.forgery.voice_methods import VOICE_METHODS
from avfake.media.types import Waveform

NUM_DRAWS = 20


def milliseconds(forge: Callable[[np.random.Generator], object]) -> float:
    """Mean over the draws, after one to warm up."""
    forge(np.random.default_rng(0))
    start = time.perf_counter()
    for seed in range(NUM_DRAWS):
        forge(np.random.default_rng(seed))
    return 1000 * (time.perf_counter() - start) / NUM_DRAWS


@dataclass(frozen=True)
class Config:
    """Nothing to choose."""


def main(_: Config) -> None:
    torch.set_num_threads(1)
    rng = np.random.default_rng(0)
    crops = rng.integers(0, 255, (8, 256, 256, 3), dtype=np.uint8)
    points = np.repeat((TEMPLATE * 140 + 58)[None], 8, axis=0).astype(np.float32)
    times = np.arange(32_000) / 16_000
    voice = np.sin(2 * np.pi * 3 * times) * np.sign(np.sin(2 * np.pi * 140 * times))
    waveform = Waveform(
        (0.1 * voice + 0.01 * rng.standard_normal(32_000)).astype(np.float32), 16_000
    )
    print("face method,ms a crop")
    for name, method in FACE_METHODS.items():
        spent = milliseconds(lambda rng, m=method: m(crops, points, rng=rng))  # type: ignore[misc]
        print(f"{name},{spent / len(crops):.1f}")
    print("voice method,ms a 2 s window")
    for name, method in VOICE_METHODS.items():
        print(f"{name},{milliseconds(lambda rng, m=method: m(waveform, rng=rng)):.1f}")  # type: ignore
