"""Speech for tests, made here: the voices of the studio."""

import numpy as np

from avfake.media.types import Waveform
from avfake.studio.voices import SAMPLE_RATE, draw_articulation, draw_speaker, synthesise


def speech(
    seconds: float, *, seed: int = 0, level: float = 0.3, sample_rate: int = 16_000
) -> Waveform:
    """Return a procedural voice whose loudest sample is at `level`."""
    rng = np.random.default_rng(seed)
    speaker = draw_speaker(rng)
    length = round(seconds * SAMPLE_RATE)
    voice = synthesise(speaker, draw_articulation(speaker, rng, seconds), rng, length)
    scaled = (level * voice / np.abs(voice).max()).astype(np.float32)
    return Waveform(scaled, SAMPLE_RATE).resampled(sample_rate)
