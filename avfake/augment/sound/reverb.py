"""A room around the voice."""

from dataclasses import dataclass

import numpy as np
from scipy import signal

from avfake.augment.transform import SoundTransform
from avfake.clips import TrainingSample


@dataclass(frozen=True)
class Room:
    """One made-up room."""

    rt60_seconds: float
    """Time in which the echoes fall by 60 dB."""
    direct_db: float
    """Energy of the direct sound above that of all echoes."""
    seed: int


@dataclass(frozen=True)
class Reverb(SoundTransform[Room]):
    """Echoes as decaying noise behind the direct sound (Moorer 1979); the energy is kept."""

    name = "reverb"
    rt60_seconds: tuple[float, float] = (0.1, 0.8)
    direct_db: tuple[float, float] = (0.0, 15.0)

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> Room:
        return Room(
            float(rng.uniform(*self.rt60_seconds)),
            float(rng.uniform(*self.direct_db)),
            int(rng.integers(2**31)),
        )

    def apply(self, sample: TrainingSample, params: Room) -> TrainingSample:
        response = impulse_response(params, sample.sample_rate)

        def change(row: np.ndarray) -> np.ndarray:
            wet = signal.fftconvolve(row, response)[: len(row)]
            before, after = float(np.sum(row**2)), float(np.sum(wet**2))
            return wet * np.sqrt(before / after) if after > 0 else row

        return sample.with_sound(change)


def impulse_response(room: Room, sample_rate: int) -> np.ndarray:
    """float64 [N]: 1, then echoes; it ends where they have fallen by 60 dB."""
    seconds = np.arange(max(2, round(room.rt60_seconds * sample_rate))) / sample_rate
    noise = np.random.default_rng(room.seed).standard_normal(len(seconds))
    response = noise * 10 ** (-3 * seconds / room.rt60_seconds)
    response[0] = 0
    response *= np.sqrt(10 ** (-room.direct_db / 10) / np.sum(response**2))
    response[0] = 1
    return response
