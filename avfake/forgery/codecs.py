"""Codecs of voices: linear prediction, vector quantisation, discrete units.

Residual vector quantisation follows Zeghidour et al. 2021 and Defossez et al. 2022, but with random
instead of learned codebooks: the loss (warbling harmonics, noise in weak bands) is of the same
kind. Linear prediction (Atal & Hanauer 1971) models the vocal tract as an all-pole filter.
"""

import numpy as np
import torch

from avfake.forgery.spectra import (
    Voice,
    as_loud,
    as_strong,
    griffin_lim,
    minimum_phase,
    pulses,
    stretch_frequency,
    through_mel,
)
from avfake.media import Waveform


def quantise_vectors(
    vectors: torch.Tensor, *, stages: int, entries: int, rng: np.random.Generator
) -> torch.Tensor:
    """Approximate vectors [M, D] by sums of `stages` scaled entries of random codebooks.

    Gains are quantised in steps of 1.5 dB.
    """
    seed = torch.Generator().manual_seed(int(rng.integers(2**31)))
    left = vectors.clone()
    for _ in range(stages):
        book = torch.randn(entries, vectors.shape[1], generator=seed)
        book = book / book.norm(dim=1, keepdim=True)
        fit = left @ book.T  # [M, entries]
        best = fit.abs().argmax(dim=1, keepdim=True)
        gain = fit.gather(1, best)
        level = (gain.abs().clamp_min(1e-9).log10() * (20 / 1.5)).round() * (1.5 / 20)
        left = left - gain.sign() * 10**level * book[best[:, 0]]
    return vectors - left


def neural_codec(
    waveform: Waveform, *, stages: int, entries: int, width: int, rng: np.random.Generator
) -> Waveform:
    """Code a sound in cosine-transformed frames of 20 ms; overall loudness is kept.

    width: neighbouring coefficients that share an entry. Bits per second: sample rate * stages *
    log2(entries) / width, and the gains.
    """
    hop = int(0.02 * waveform.sample_rate) // (2 * width) * 2 * width
    basis = _cosines(hop)
    frames = _framed(torch.from_numpy(waveform.samples), hop) @ basis  # [T, hop]
    # The gain of each group of neighbours is coded separately, as in any codec.
    groups = frames.reshape(-1, width)
    kept = quantise_vectors(groups, stages=stages, entries=entries, rng=rng)
    made = _overlapped(kept.reshape(frames.shape) @ basis.T, len(waveform.samples))
    return as_strong(made, waveform)


def own_units(
    waveform: Waveform, *, num_units: int, rounds: int, rng: np.random.Generator
) -> Waveform:
    """Rebuild a sound from `num_units` of its own spectra, like speech of discrete units.

    Each mel spectrum of 80 bands is replaced by the nearest of a few drawn ones (its loudness
    is kept), then given phases by Griffin-Lim. Needs at least two frames.
    """
    voice = Voice(waveform)
    magnitude = through_mel(voice.spectrum.abs(), 80, voice.sample_rate)
    logs = magnitude.clamp_min(1e-5).log()
    shape = (logs - logs.mean(dim=0)).T  # [T, F]
    loud = np.asarray(magnitude.square().sum(dim=0).sqrt(), float)
    shares = loud + 0.05 * loud.mean() + 1e-9  # low in pauses
    count = min(num_units, len(shape))
    drawn = rng.choice(len(shape), count, replace=False, p=shares / shares.sum())
    nearest = torch.cdist(shape, shape[drawn]).argmin(dim=1)
    rebuilt = (shape[drawn][nearest].T + logs.mean(dim=0)).exp()
    seed = int(rng.integers(2**31))
    made = griffin_lim(rebuilt, voice, rounds=rounds, seed=seed, start=voice.spectrum.angle())
    return as_loud(made, waveform)


def _cosines(hop: int) -> torch.Tensor:
    """Return the windowed MDCT matrix [2 hop, hop] (Princen & Bradley 1986)."""
    n = torch.arange(2 * hop, dtype=torch.float64)[:, None]
    k = torch.arange(hop, dtype=torch.float64)
    window = torch.sin(torch.pi * (n + 0.5) / (2 * hop))
    waves = torch.cos(torch.pi / hop * (n + 0.5 + hop / 2) * (k + 0.5))
    return (window * waves * (2 / hop) ** 0.5).float()


def _framed(samples: torch.Tensor, hop: int) -> torch.Tensor:
    """Cut frames [T, 2 hop] that overlap by half, with silence before and after."""
    count = -(-len(samples) // hop) + 1
    padded = torch.nn.functional.pad(samples, (hop, count * hop - len(samples)))
    return padded.unfold(0, 2 * hop, hop)


def _overlapped(frames: torch.Tensor, length: int) -> torch.Tensor:
    """Add overlapping frames [T, 2 hop] to samples [length]: the inverse of `_framed`."""
    hop = frames.shape[1] // 2
    halves = frames.view(len(frames), 2, hop)
    return (halves[1:, 0] + halves[:-1, 1]).flatten()[:length]


_CODE_WIDTH = 8
_PULSE_BLOCK = 16
"""Samples kept of each block; 13 of 40 in GSM."""


def lpc_vocoder(
    waveform: Waveform,
    *,
    pitch_ratio: float,
    formant_ratio: float,
    order: int,
    rng: np.random.Generator,
) -> Waveform:
    """Synthesise the words with a residual of pulses and noise; the loudness contour is kept.

    pitch_ratio, formant_ratio: new over old; order: poles of the tract, 8 (telephone) to 40.
    """
    voice = Voice(waveform)
    whitener, level = whitening(voice.spectrum, order)
    tract = (level / whitener.abs()).clamp_min(1e-7).log()
    excitation = voice.analyse(pulses(waveform, ratio=pitch_ratio, rng=rng))
    shaped = excitation * minimum_phase(stretch_frequency(tract, formant_ratio))
    return as_loud(voice.synthesise(shaped), waveform)


def lpc_codec(
    waveform: Waveform, *, order: int, stages: int, thinning: int, rng: np.random.Generator
) -> Waveform:
    """Code the residual of linear prediction in few bits; overall loudness is kept.

    stages: random codebooks of the residual (as in CELP), 1 bit per sample each. thinning: 2 to 4
    keep only one in so many samples, at the strongest offset of each block (as in the regular pulse
    excitation of GSM), which mirrors the spectrum of the residual.
    """
    voice = Voice(waveform)
    whitener, _ = whitening(voice.spectrum, order)
    residual = voice.synthesise(voice.spectrum * whitener)
    padded = torch.nn.functional.pad(residual, (0, -voice.length % (_PULSE_BLOCK * thinning)))
    vectors = padded.view(-1, _CODE_WIDTH)
    coded = quantise_vectors(vectors, stages=stages, entries=256, rng=rng).flatten()
    kept = _regular_pulses(coded, thinning)[: voice.length]
    spectrum = voice.analyse(kept) / whitener
    return as_strong(voice.synthesise(spectrum), waveform)


def _regular_pulses(samples: torch.Tensor, thinning: int) -> torch.Tensor:
    """Keep one in `thinning` samples of [N], scaled up accordingly."""
    blocks = samples.view(-1, _PULSE_BLOCK, thinning)
    offset = blocks.square().sum(dim=1, keepdim=True).argmax(dim=2, keepdim=True)
    kept = torch.where(torch.arange(thinning) == offset, blocks, torch.zeros(()))
    return kept.flatten() * thinning


def whitening(spectrum: torch.Tensor, order: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the filter [F, T] that removes the tract from a spectrum [F, T], and its level [T].

    Autocorrelation method on the spectrum, all frames at once. Own code, because librosa.lpc takes
    samples, not the spectrum that is filtered here.
    """
    power = spectrum.abs().square().double()
    correlation = torch.fft.irfft(power, dim=0)[: order + 1].T  # [T, order + 1]
    # A little white noise keeps the equations of silence and pure tones solvable.
    correlation[:, 0] = correlation[:, 0] * (1 + 1e-5) + 1e-9
    lags = (torch.arange(order)[:, None] - torch.arange(order)).abs()
    weights = torch.linalg.solve(correlation[:, lags], correlation[:, 1:, None])[..., 0]
    taps = torch.cat([torch.ones(len(weights), 1, dtype=torch.float64), -weights], dim=1)
    error = (correlation * taps).sum(dim=1).clamp_min(1e-12)
    size = 2 * (len(spectrum) - 1)
    whitener = torch.fft.rfft(taps, size, dim=1).T.to(torch.complex64)
    # Parseval over a frame of `size` samples: the level an excitation of power 1 needs.
    return whitener, (error / size).sqrt().float()
