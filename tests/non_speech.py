"""Sounds without a voice, made here: hums, tones, noise, melodies, drums, engines, sirens."""

from collections.abc import Callable

import numpy as np

RATE = 16_000
Generator = np.random.Generator


def non_speech(seed: int) -> tuple[str, np.ndarray]:
    """Return the kind and the samples, float32 [N] at 16 kHz, of sound number `seed`."""
    rng = np.random.default_rng(seed)
    name = list(KINDS)[seed % len(KINDS)]
    sound = KINDS[name](round(RATE * rng.uniform(1.5, 5)), rng)
    if name not in ("dither", "offset"):
        sound = sound / np.abs(sound).max()
        if rng.random() < 0.3:
            sound = sound + rng.standard_normal(len(sound)) * 10 ** rng.uniform(-3, -1)
        sound = sound / np.abs(sound).max() * 10 ** rng.uniform(-2, 0)
    return name, sound.clip(-1, 1).astype(np.float32)


def _times(length: int) -> np.ndarray:
    return np.arange(length) / RATE


def _harmonics(phase: np.ndarray, count: int, rng: Generator) -> np.ndarray:
    return sum(rng.uniform(0.2, 1) / k * np.sin(k * phase) for k in range(1, count + 1))


def hum(length: int, rng: Generator) -> np.ndarray:
    phase = 2 * np.pi * rng.choice([50, 60]) * _times(length)
    return _harmonics(phase, int(rng.integers(1, 15)), rng)


def offset(length: int, rng: Generator) -> np.ndarray:
    return np.full(length, rng.uniform(-1, 1)) + rng.uniform(0, 1e-3) * rng.standard_normal(length)


def dither(length: int, rng: Generator) -> np.ndarray:
    return rng.integers(-1, 2, length) * rng.integers(1, 4) / 32768


def noise(length: int, rng: Generator) -> np.ndarray:
    """Noise that falls by 0 to 6 dB an octave, at times swelling."""
    hertz = np.fft.rfftfreq(length, 1 / RATE)
    hertz[0] = 1
    spectrum = np.fft.rfft(rng.standard_normal(length)) * hertz ** -rng.uniform(0, 1)
    swell = 1 + rng.choice([0, 0.9]) * np.sin(2 * np.pi * rng.uniform(0.3, 5) * _times(length))
    return np.fft.irfft(spectrum, length) * swell


def tone(length: int, rng: Generator) -> np.ndarray:
    steady = np.sin(2 * np.pi * rng.uniform(80, 5000) * _times(length))
    return steady * ((_times(length) * rng.uniform(0.5, 5)) % 1 < rng.choice([0.5, 1.0]))


def sweep(length: int, rng: Generator) -> np.ndarray:
    times = _times(length)
    return np.sin(2 * np.pi * (rng.uniform(80, 900) * times + rng.uniform(-50, 700) * times**2))


def melody(length: int, rng: Generator) -> np.ndarray:
    """Chords of an organ, a saw tooth, a bell or a sine, with or without vibrato."""
    sound, base = np.zeros(length), rng.uniform(80, 400)
    count, vibrato = int(rng.choice([1, 6, 20])), rng.choice([0, 0.5])
    start = 0
    while start < length:
        size = min(length - start, round(RATE * rng.choice([0.2, 0.4, 0.8])))
        times = _times(size)
        for _ in range(rng.integers(1, 4)):
            hertz = base * 2 ** (rng.choice([0, 2, 4, 5, 7, 9, 11, 12]) / 12)
            phase = 2 * np.pi * hertz * times + vibrato * np.sin(2 * np.pi * 5.5 * times)
            fade = np.minimum(1, times / 0.02) * np.exp(-times / rng.uniform(0.3, 3))
            sound[start : start + size] += _harmonics(phase, count, rng) * fade
        start += size
    return sound


def drums(length: int, rng: Generator) -> np.ndarray:
    sound, step = np.zeros(length), round(RATE * rng.uniform(0.15, 0.35))
    for start in range(0, length, step):
        times = _times(min(step, length - start))
        kick = np.sin(2 * np.pi * (120 * np.exp(-times * 20) + 45) * times) * np.exp(-times * 12)
        snare = rng.standard_normal(len(times)) * np.exp(-times * rng.uniform(15, 60))
        sound[start : start + step] = kick if rng.random() < 0.4 else snare
    return sound


def engine(length: int, rng: Generator) -> np.ndarray:
    hertz = rng.uniform(25, 90) * (1 + 0.3 * np.sin(2 * np.pi * 0.2 * _times(length)))
    return _harmonics(2 * np.pi * np.cumsum(hertz) / RATE, 25, rng)


def siren(length: int, rng: Generator) -> np.ndarray:
    swing = rng.uniform(100, 300) * np.sin(2 * np.pi * rng.uniform(0.2, 2) * _times(length))
    phase = 2 * np.pi * np.cumsum(rng.uniform(500, 900) + swing) / RATE
    return _harmonics(phase, int(rng.integers(1, 5)), rng)


KINDS: dict[str, Callable[[int, Generator], np.ndarray]] = {
    one.__name__: one
    for one in (hum, offset, dither, noise, tone, sweep, melody, drums, engine, siren)
}
