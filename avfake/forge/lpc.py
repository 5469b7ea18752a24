"""Linear prediction (Atal & Hanauer 1971): the tract as an all-pole filter, the rest coarsely.

Two classical forgers of voices live on it: the vocoder that makes the residual anew of pulses and
noise, and the speech codecs (GSM, CELP) that send it in a few bits a sample.
"""

import numpy as np
import torch

from avfake.forge.loudness import as_loud, as_strong
from avfake.forge.phases import pulses
from avfake.forge.quantise import quantise_vectors
from avfake.forge.spectra import Analysis, minimum_phase, stretch_frequency
from avfake.media.types import Waveform


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

    thinning: 1 keeps the residual as entries of random codebooks in `stages` (as CELP); 2 to 4
    keep only each so manieth sample of it (as GSM's regular pulses), which mirrors its spectrum.
    """
    if waveform.is_silent:
        return waveform
    analysis = Analysis.at(waveform.sample_rate)
    length = len(waveform.samples)
    spectrum = analysis.spectrum(torch.from_numpy(waveform.samples))
    whitener, _ = whitening(spectrum, order)
    residual = analysis.samples(spectrum * whitener, length)
    width = 8
    padded = torch.nn.functional.pad(residual, (0, -length % width))
    coded = quantise_vectors(padded.view(-1, width), stages=stages, entries=256, rng=rng)
    coded = coded.flatten()[:length]
    if thinning > 1:
        kept = torch.zeros(length)
        kept[::thinning] = coded[::thinning] * thinning
        coded = kept
    made = analysis.samples(analysis.spectrum(coded) / whitener, length)
    return Waveform(as_strong(made.numpy(), waveform), waveform.sample_rate)


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
