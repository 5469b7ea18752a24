"""Vocoders: a voice is reduced to a coarse description, changed, and synthesised again.

As in neural voice conversion, the vocoder has to invent the details, which is the trace it leaves.
Words, rhythm and loudness stay.
"""

from typing import Literal, get_args

import numpy as np
import torch

from avfake.errors import ConfigError
from avfake.forgery.spectra import (
    Analysis,
    as_loud,
    griffin_lim,
    minimum_phase,
    pitch_and_voicing,
    pulses,
    run_phases_on,
    smooth_envelope,
    stretch_frequency,
    through_mel,
)
from avfake.media import Waveform

_NUM_BANDS = 12
"""Bands of the aperiodicity; five in WORLD at 16 kHz."""
_RECOVERY = (1.18, -0.18)
"""Recovery of the peaks that the smoothing removes: q0 and 2 q1 of CheapTrick."""


def world_vocoder(
    waveform: Waveform,
    *,
    pitch_ratio: float,
    formant_ratio: float,
    buzz: float,
    rng: np.random.Generator,
) -> Waveform:
    """Synthesise the words again of pulses and noise; the loudness contour is kept.

    After WORLD (Morise et al. 2016): the pitch comes from the autocorrelation, the envelope from
    the cepstrum filtered as in CheapTrick (Morise 2015), the aperiodicity from the difference
    between a voice and itself one period earlier (the idea of D4C, Morise 2016, in a coarser form).
    Own code, because PyPI has no wheel of pyworld 0.3.5 for Python 3.11: it needs a C++ compiler.

    pitch_ratio, formant_ratio: new over old, 1 for copy-synthesis. buzz: 0 keeps the measured
    share of noise, 1 makes voiced parts of pulses alone, as simple vocoders do.
    """
    if waveform.is_silent:
        return waveform
    rate, length = waveform.sample_rate, len(waveform.samples)
    analysis = Analysis.at(rate)
    samples = torch.from_numpy(waveform.samples)
    spectrum = analysis.spectrum(samples)
    pitch, voicing = _pitch_contours(waveform, length)
    at_frames = (np.arange(spectrum.shape[1]) * analysis.step).clip(max=length - 1)
    envelope = _envelope(spectrum, torch.from_numpy(pitch[at_frames]), rate)
    noise_share = _aperiodicity(waveform, spectrum, pitch, analysis)
    voiced = torch.from_numpy(voicing[at_frames].astype(np.float32))
    noise_share = 1 - voiced * (1 - noise_share * (1 - buzz))

    pulses = torch.from_numpy(pulse_train(pitch * pitch_ratio, rate))
    noise = torch.from_numpy(rng.standard_normal(length, np.float32))
    excitation = analysis.spectrum(pulses) * (1 - noise_share).sqrt()
    excitation = excitation + analysis.spectrum(noise) * noise_share.sqrt()
    tract = minimum_phase(stretch_frequency(envelope, formant_ratio))
    made = analysis.samples(excitation * tract, length)
    return Waveform(as_loud(made.numpy(), waveform), rate)


def pulse_train(pitch_hz: np.ndarray, sample_rate: int) -> np.ndarray:
    """Return float32 [N]: pulses of mean power 1, one per period, interpolated between samples.

    pitch_hz: [N], the pitch at each sample.
    """
    turns = np.cumsum(pitch_hz / sample_rate)
    starts = np.flatnonzero(np.diff(np.floor(turns), prepend=0.0) > 0)
    late = (turns[starts] % 1) * sample_rate / pitch_hz[starts]  # samples since the period ended
    late = late.clip(0, 1)
    height = np.sqrt(sample_rate / pitch_hz[starts])
    train = np.bincount(starts, height * (1 - late), len(pitch_hz))
    train += np.bincount((starts - 1).clip(0), height * late, len(pitch_hz))
    return train.astype(np.float32)


def _pitch_contours(waveform: Waveform, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Return pitch in Hz and voicing in 0..1 at each sample."""
    pitch, voicing = pitch_and_voicing(waveform.samples, waveform.sample_rate)
    positions = np.arange(length) / int(0.01 * waveform.sample_rate) - 0.5
    steps = np.arange(len(pitch))
    return np.interp(positions, steps, pitch), np.interp(positions, steps, voicing)


def _envelope(spectrum: torch.Tensor, pitch: torch.Tensor, sample_rate: int) -> torch.Tensor:
    """Return log magnitudes [F, T] without the ripple of the harmonics of pitch [T]."""
    logs = spectrum.abs().clamp_min(1e-7).log()
    cepstrum = torch.fft.irfft(logs, dim=0)
    count = len(cepstrum)
    quefrency = torch.minimum(torch.arange(count), count - torch.arange(count)) / sample_rate
    periods = quefrency[:, None] * pitch[None].float()  # [Q, T]
    # sinc smooths over one harmonic; the cosine restores the peaks that this removes.
    level, recovery = _RECOVERY
    lifter = torch.sinc(periods) * (level + recovery * torch.cos(2 * torch.pi * periods))
    lifter = lifter * (periods < 1)
    return torch.fft.rfft(cepstrum * lifter, dim=0).real


def _aperiodicity(
    waveform: Waveform, spectrum: torch.Tensor, pitch: np.ndarray, analysis: Analysis
) -> torch.Tensor:
    """Return the share of noise [F, T] in 0..1, coarse along frequency."""
    positions = np.arange(len(pitch))
    earlier = np.interp(positions - waveform.sample_rate / pitch, positions, waveform.samples)
    change = torch.from_numpy((waveform.samples - earlier).astype(np.float32))
    # Two independent noises differ by twice their power, two equal periods by nothing.
    left = analysis.spectrum(change).abs().square() / 2
    both = torch.stack([left, spectrum.abs().square()])
    left, whole = (through_mel(power, _NUM_BANDS, waveform.sample_rate) for power in both)
    return (left / whole.clamp_min(1e-12)).clamp(0.001, 1)


Conversion = Literal["griffin_lim", "phase_vocoder", "pulse_vocoder"]
CONVERSIONS: tuple[Conversion, ...] = get_args(Conversion)
RATIO_RANGE = (0.5, 2.0)
"""Allowed pitch and formant ratios."""


def convert_voice(
    waveform: Waveform,
    *,
    method: Conversion,
    pitch_ratio: float,
    formant_ratio: float,
    difficulty: float,
    rng: np.random.Generator,
) -> Waveform:
    """Synthesise the words in another voice; duration and loudness contour are kept.

    pitch_ratio, formant_ratio: new over old; formants are higher in a shorter vocal tract.
    difficulty: 0 leaves obvious traces of the vocoder, 1 few.
    """
    _check(method, pitch_ratio, formant_ratio, difficulty)
    if waveform.is_silent:
        return waveform
    analysis = Analysis.at(waveform.sample_rate)
    samples = torch.from_numpy(waveform.samples)
    spectrum = analysis.spectrum(samples)
    logs = spectrum.abs().clamp_min(1e-7).log()
    # 1.6 ms keeps the formants and drops the harmonics of all but the highest voices.
    envelope = smooth_envelope(logs, int(0.0016 * waveform.sample_rate))
    tract = stretch_frequency(envelope, formant_ratio)
    bands = int(56 + 300 * difficulty**2)
    length = len(samples)
    if method == "pulse_vocoder":
        excitation = pulses(waveform.samples, waveform.sample_rate, ratio=pitch_ratio, rng=rng)
        gains = through_mel(tract.exp(), bands, waveform.sample_rate)
        made = analysis.samples(analysis.spectrum(excitation) * gains, length)
    else:
        detail = stretch_frequency(logs - envelope, pitch_ratio, beyond=-1.0)
        magnitude = through_mel((tract + detail).exp(), bands, waveform.sample_rate)
        if method == "griffin_lim":
            rounds, seed = int(3 + 25 * difficulty**2), int(rng.integers(2**31))
            made = griffin_lim(magnitude, analysis, length=length, rounds=rounds, seed=seed)
        else:
            made = run_phases_on(magnitude, spectrum, analysis, length=length, ratio=pitch_ratio)
    return Waveform(as_loud(made.numpy(), waveform), waveform.sample_rate)


def _check(method: str, pitch_ratio: float, formant_ratio: float, difficulty: float) -> None:
    if method not in CONVERSIONS:
        raise ConfigError(f"method must be one of {', '.join(CONVERSIONS)}, got {method!r}")
    low, high = RATIO_RANGE
    for name, ratio in (("pitch_ratio", pitch_ratio), ("formant_ratio", formant_ratio)):
        if not low <= ratio <= high:
            raise ConfigError(f"{name} must lie in {low}..{high}, got {ratio}")
    if not 0 <= difficulty <= 1:
        raise ConfigError(f"difficulty must lie in 0..1, got {difficulty}")
