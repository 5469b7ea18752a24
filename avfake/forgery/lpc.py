"""Linear prediction (Atal & Hanauer 1971): the tract as an all-pole filter, the rest coarsely.

Two classical forgers of voices live on it: the vocoder that makes the residual anew of pulses and
noise, and the speech codecs (GSM, CELP) that send it in a few bits a sample.
"""

import numpy as np
import torch

from avfake.forgery.loudness import as_loud, as_strong
from avfake.forgery.phases import pulses
from avfake.forgery.quantise import quantise_vectors
from avfake.forgery.spectra import Analysis, minimum_phase, stretch_frequency
from avfake.media import Waveform

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
    """The same words with a residual of pulses and noise, as loud from moment to moment.

    pitch_ratio, formant_ratio: new over old; order: poles of the tract, 8 (telephone) to 40.
    """
    if waveform.is_silent:
        return waveform
    analysis = Analysis.at(waveform.sample_rate)
    spectrum = analysis.spectrum(torch.from_numpy(waveform.samples))
    whitener, level = whitening(spectrum, order)
    tract = (level / whitener.abs()).clamp_min(1e-7).log()
    excitation = pulses(waveform.samples, waveform.sample_rate, ratio=pitch_ratio, rng=rng)
    shaped = analysis.spectrum(excitation) * minimum_phase(stretch_frequency(tract, formant_ratio))
    made = analysis.samples(shaped, len(waveform.samples))
    return Waveform(as_loud(made.numpy(), waveform), waveform.sample_rate)


def lpc_codec(
    waveform: Waveform, *, order: int, stages: int, thinning: int, rng: np.random.Generator
) -> Waveform:
    """The sound with its residual sent in few bits, as loud on the whole.

    stages: of random codebooks in which the residual is kept (as in CELP), 1 bit a sample each.
    thinning: 2 to 4 keep of those samples only one in so many, at the offset that is strongest in
    each block (as in GSM's regular pulse excitation), which mirrors the residual's spectrum.
    """
    if waveform.is_silent:
        return waveform
    analysis = Analysis.at(waveform.sample_rate)
    length = len(waveform.samples)
    spectrum = analysis.spectrum(torch.from_numpy(waveform.samples))
    whitener, _ = whitening(spectrum, order)
    residual = analysis.samples(spectrum * whitener, length)
    padded = torch.nn.functional.pad(residual, (0, -length % (_PULSE_BLOCK * thinning)))
    vectors = padded.view(-1, _CODE_WIDTH)
    coded = quantise_vectors(vectors, stages=stages, entries=256, rng=rng).flatten()
    if thinning > 1:
        coded = _regular_pulses(coded, thinning)
    coded = coded[:length]
    made = analysis.samples(analysis.spectrum(coded) / whitener, length)
    return Waveform(as_strong(made.numpy(), waveform), waveform.sample_rate)


def _regular_pulses(samples: torch.Tensor, thinning: int) -> torch.Tensor:
    """Samples [N] of which each block keeps one in `thinning`, as strong as all were."""
    blocks = samples.view(-1, _PULSE_BLOCK, thinning)
    offset = blocks.square().sum(dim=1, keepdim=True).argmax(dim=2, keepdim=True)
    kept = torch.where(torch.arange(thinning) == offset, blocks, torch.zeros(()))
    return kept.flatten() * thinning


def whitening(spectrum: torch.Tensor, order: int) -> tuple[torch.Tensor, torch.Tensor]:
    """The filter [F, T] that takes the tract out of a spectrum [F, T]; the level [T] of the rest.

    Autocorrelation method, all frames at once.
    """
    power = spectrum.abs().square().double()
    correlation = torch.fft.irfft(power, dim=0)[: order + 1].T  # [T, order + 1]
    # A little white noise keeps silence and pure tones solvable.
    correlation[:, 0] = correlation[:, 0] * (1 + 1e-5) + 1e-9
    lags = (torch.arange(order)[:, None] - torch.arange(order)).abs()
    weights = torch.linalg.solve(correlation[:, lags], correlation[:, 1:, None])[..., 0]
    taps = torch.cat([torch.ones(len(weights), 1, dtype=torch.float64), -weights], dim=1)
    error = (correlation * taps).sum(dim=1).clamp_min(1e-12)
    size = 2 * (len(spectrum) - 1)
    whitener = torch.fft.rfft(taps, size, dim=1).T.to(torch.complex64)
    # Parseval over a frame of `size` samples: the level an excitation of power 1 needs.
    return whitener, (error / size).sqrt().float()
