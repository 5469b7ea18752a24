"""Three ways to give phases to magnitudes made by a machine; each leaves its own sound."""

import math

import numpy as np
import torch
from scipy.ndimage import median_filter
from scipy.signal import lfilter

from avfake.forgery.spectra import Analysis

_PITCH_RANGE_HZ = (60.0, 450.0)


def griffin_lim(
    magnitude: torch.Tensor,
    analysis: Analysis,
    *,
    length: int,
    rounds: int,
    seed: int,
    start: torch.Tensor | None = None,
) -> torch.Tensor:
    """Samples [length] whose spectrum comes near magnitude [F, T].

    Phases begin as the angles `start` [F, T], else at random. Griffin & Lim 1984, with the momentum
    of Perraudin et al. 2013. Few rounds sound hollow.
    """
    generator = torch.Generator().manual_seed(seed)
    angles = torch.rand(magnitude.shape, generator=generator) * (2 * math.pi)
    angles = angles if start is None else start
    spectrum = torch.polar(magnitude, angles)
    previous = torch.zeros_like(spectrum)
    for _ in range(rounds):
        rebuilt = analysis.spectrum(analysis.samples(spectrum, length))
        direction = rebuilt + 0.9 * (rebuilt - previous)
        previous = rebuilt
        spectrum = magnitude * direction / direction.abs().clamp_min(1e-8)
    return analysis.samples(spectrum, length)


def run_phases_on(
    magnitude: torch.Tensor,
    spectrum: torch.Tensor,
    analysis: Analysis,
    *,
    length: int,
    ratio: float,
) -> torch.Tensor:
    """Samples [length]: phases advance as in the original spectrum [F, T], times the pitch ratio.

    The phase vocoder: bins lose touch with one another, which smears each pulse of the voice.
    """
    num_bins = len(spectrum)
    expected = torch.arange(num_bins)[:, None] * (2 * math.pi * analysis.step / analysis.window)
    angles = spectrum.angle()
    advance = torch.diff(angles, dim=1) - expected
    advance = advance - 2 * math.pi * torch.round(advance / (2 * math.pi)) + expected
    came_from = (torch.arange(num_bins) / ratio).round().long().clamp(max=num_bins - 1)
    running = torch.cat([angles[:, :1], advance * ratio], dim=1)[came_from].cumsum(dim=1)
    return analysis.samples(torch.polar(magnitude, running), length)


def pulses(
    samples: np.ndarray, sample_rate: int, *, ratio: float, rng: np.random.Generator
) -> torch.Tensor:
    """A flat-spectrum excitation [N]: pulses at the pitch of the samples times ratio, or noise."""
    pitch, voicing = pitch_and_voicing(samples, sample_rate)
    step = int(0.01 * sample_rate)
    places = np.arange(len(samples)) / step - 0.5
    pitch_now = np.interp(places, np.arange(len(pitch)), pitch) * ratio
    voiced = np.interp(places, np.arange(len(voicing)), voicing)
    turns = np.cumsum(pitch_now / sample_rate)
    train = np.diff(np.floor(turns), prepend=0.0) * np.sqrt(sample_rate / pitch_now)
    for section in _dispersion(sample_rate):
        train = lfilter(section[::-1], section, train)
    noise = rng.standard_normal(len(samples))
    mixed = voiced * train + np.sqrt(np.maximum(1 - voiced**2, 0)) * noise
    return torch.from_numpy(mixed.astype(np.float32))


def _dispersion(sample_rate: int) -> list[np.ndarray]:
    """All-pass sections: clicks of zero phase would peak far above the voice they stand for."""
    places = 2 * np.pi * np.array([300, 900, 1800, 3000, 5000]) / sample_rate
    return [np.array([1, -1.94 * np.cos(place), 0.97**2]) for place in places]


def pitch_and_voicing(samples: np.ndarray, sample_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """Pitch in Hz and how voiced (0..1), every 10 ms, from the autocorrelation of 40 ms windows."""
    step, window = int(0.01 * sample_rate), int(0.04 * sample_rate)
    padded = np.pad(samples, (window // 2, window))
    starts = np.arange(0, len(samples), step)
    frames = padded[starts[:, None] + np.arange(window)] * np.hanning(window)
    power = np.abs(np.fft.rfft(frames, 2 * window, axis=1)) ** 2
    correlation = np.fft.irfft(power, axis=1)
    correlation /= correlation[:, :1] + 1e-9
    shortest = int(sample_rate / _PITCH_RANGE_HZ[1])
    longest = int(sample_rate / _PITCH_RANGE_HZ[0])
    # A window's own autocorrelation falls with the lag; undone, or long periods lose.
    fall = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(window), 2 * window)) ** 2)
    search = correlation[:, shortest:longest] / np.maximum(fall / fall[0], 0.1)[shortest:longest]
    lags = search.argmax(axis=1)
    height = search[np.arange(len(search)), lags]
    pitch = median_filter(sample_rate / (lags + shortest), 5)
    return pitch, np.clip((height - 0.3) / 0.4, 0, 1)
