"""How a voice sounds: pulses and noise through a vocal tract, then a room around it."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from scipy.signal import fftconvolve, lfilter

from avfake.studio.articulation import SAMPLE_RATE, STEP, Score, Speaker

_WINDOW = 480
_GLOTTIS = [
    [1, -2 * radius * np.cos(2 * np.pi * hertz / SAMPLE_RATE), radius**2]
    for hertz, radius in ((200, 0.97), (600, 0.96), (1400, 0.95), (2600, 0.94), (4200, 0.93))
]
"""All-pass sections: folds of flesh open slowly and do not click, as pulses of zero phase would."""


@dataclass(frozen=True)
class Room:
    """What the recording adds to a voice."""

    echo_seconds: float
    echo_share: float
    hiss_db: float
    """Level of the noise under the speech, dB re full scale."""
    seed: int


def draw_room(rng: np.random.Generator) -> Room:
    """One place to record in."""
    return Room(
        echo_seconds=float(rng.uniform(0.05, 0.35)),
        echo_share=float(rng.uniform(0.02, 0.3)),
        hiss_db=float(rng.uniform(-70, -48)),
        seed=int(rng.integers(2**31)),
    )


def synthesise(speaker: Speaker, score: Score, rng: np.random.Generator, length: int) -> np.ndarray:
    """Dry speech [length]: voice, breath and consonants, each through its filter."""
    places = np.arange(length) / STEP
    pitch = np.interp(places, np.arange(len(score.pitch)), score.pitch)
    noise = rng.standard_normal((2, length))
    sources = torch.from_numpy(np.stack([_buzz(pitch), *noise]).astype(np.float32))
    window = torch.hann_window(_WINDOW)
    spectra = torch.stft(
        sources, _WINDOW, STEP, window=window, pad_mode="constant", return_complex=True
    )  # [3, F, K]
    count = spectra.shape[2]
    hertz = np.linspace(0, SAMPLE_RATE / 2, spectra.shape[1])[:, None]
    tract = _resonances(hertz, score.formants[:count])
    tilt = 10 ** (speaker.tilt_db * np.log2(np.maximum(hertz, 150) / 150) / 20)
    level, centre, width = score.hiss[:count].T
    hiss = level * np.exp(-(((hertz - centre) / width) ** 2))
    voice = score.voice[:count] * tract
    gains = np.stack([voice * tilt, voice * tilt**0.5, hiss]).astype(np.float32)
    spectra = spectra * torch.from_numpy(gains)
    parts = torch.istft(spectra, _WINDOW, STEP, window=window, length=length)
    parts = parts / (parts.square().mean(dim=1, keepdim=True).sqrt() + 1e-9)
    buzz, breath, hiss = parts.numpy()
    return buzz + speaker.breath * breath + speaker.hiss * hiss


def _buzz(pitch: np.ndarray) -> np.ndarray:
    """A train of pulses with all harmonics below 11 kHz at equal strength (Dirichlet's kernel)."""
    phase = 2 * np.pi * np.cumsum(pitch / SAMPLE_RATE)
    harmonics = np.floor(11_000 / pitch)
    half = np.sin(phase / 2)
    half = np.where(np.abs(half) < 1e-6, 1e-6, half)
    pulses = (np.sin((harmonics + 0.5) * phase) / (2 * half) - 0.5) / np.sqrt(harmonics)
    for section in _GLOTTIS:
        pulses = lfilter(section[::-1], section, pulses)
    return pulses


def _resonances(hertz: np.ndarray, formants: np.ndarray) -> np.ndarray:
    """Gain of the vocal tract [F, K] for formants [K, 4] in Hz."""
    gain = np.ones((len(hertz), len(formants)))
    for index in range(formants.shape[1]):
        centre = formants[:, index]
        width = 50 + 0.05 * centre
        gain = gain * (0.12 + width**2 / ((hertz - centre) ** 2 + width**2)) ** 0.5
    return gain


def record(dry: np.ndarray, room: Room) -> np.ndarray:
    """float32: echo and hiss added, at a level of -20 dB."""
    rng = np.random.default_rng(room.seed)
    tail = int(room.echo_seconds * SAMPLE_RATE)
    echo = rng.standard_normal(tail) * np.exp(-5 * np.arange(tail) / tail)
    echo *= room.echo_share / np.sqrt(np.sum(echo**2))
    echo[0] += 1
    wet = fftconvolve(dry, echo)[: len(dry)]
    wet = 0.1 * wet / (np.sqrt(np.mean(wet**2)) + 1e-9)
    hiss = gaussian_filter1d(rng.standard_normal(len(dry)), 0.7)
    return (wet + hiss * 10 ** (room.hiss_db / 20)).astype(np.float32)
