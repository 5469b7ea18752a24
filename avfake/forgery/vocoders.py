"""Vocoders: a voice is reduced to a coarse description, changed, and synthesised again.

As in neural voice conversion, the vocoder has to invent the details, which is the trace it leaves.
Words, rhythm and loudness stay.
"""

import numpy as np
import torch

from avfake.errors import ConfigError, check_choice
from avfake.forgery.spectra import (
    Voice,
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
    voice, (pitch, voicing) = Voice(waveform), pitch_and_voicing(waveform)
    at_frames = (np.arange(voice.spectrum.shape[1]) * voice.step).clip(max=voice.length - 1)
    envelope = _envelope(voice, torch.from_numpy(pitch[at_frames]))
    noise_share = _aperiodicity(voice, pitch)
    voiced = torch.from_numpy(voicing[at_frames].astype(np.float32))
    noise_share = 1 - voiced * (1 - noise_share * (1 - buzz))

    train = torch.from_numpy(pulse_train(pitch * pitch_ratio, voice.sample_rate))
    noise = torch.from_numpy(rng.standard_normal(voice.length, np.float32))
    excitation = voice.analyse(train) * (1 - noise_share).sqrt()
    excitation = excitation + voice.analyse(noise) * noise_share.sqrt()
    tract = minimum_phase(stretch_frequency(envelope, formant_ratio))
    return as_loud(voice.synthesise(excitation * tract), waveform)


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


def _envelope(voice: Voice, pitch: torch.Tensor) -> torch.Tensor:
    """Return log magnitudes [F, T] without the ripple of the harmonics of pitch [T]."""
    logs = voice.spectrum.abs().clamp_min(1e-7).log()
    cepstrum = torch.fft.irfft(logs, dim=0)
    count = len(cepstrum)
    quefrency = torch.minimum(torch.arange(count), count - torch.arange(count)) / voice.sample_rate
    periods = quefrency[:, None] * pitch[None].float()  # [Q, T]
    # sinc smooths over one harmonic; the cosine restores the peaks that this removes, by q0 and
    # 2 q1 of CheapTrick.
    lifter = torch.sinc(periods) * (1.18 - 0.18 * torch.cos(2 * torch.pi * periods))
    lifter = lifter * (periods < 1)
    return torch.fft.rfft(cepstrum * lifter, dim=0).real


def _aperiodicity(voice: Voice, pitch: np.ndarray) -> torch.Tensor:
    """Return the share of noise [F, T] in 0..1, coarse along frequency."""
    samples, positions = voice.waveform.samples, np.arange(voice.length)
    earlier = np.interp(positions - voice.sample_rate / pitch, positions, samples)
    change = torch.from_numpy((samples - earlier).astype(np.float32))
    # Two independent noises differ by twice their power, two equal periods by nothing.
    powers = voice.analyse(change).abs().square() / 2, voice.spectrum.abs().square()
    left, whole = (through_mel(power, _NUM_BANDS, voice.sample_rate) for power in powers)
    return (left / whole.clamp_min(1e-12)).clamp(0.001, 1)


CONVERSIONS = ("griffin_lim", "phase_vocoder", "pulse_vocoder")
RATIO_RANGE = (0.5, 2.0)
"""Allowed pitch and formant ratios."""


def convert_voice(
    waveform: Waveform,
    *,
    method: str,
    pitch_ratio: float,
    formant_ratio: float,
    difficulty: float,
    rng: np.random.Generator,
) -> Waveform:
    """Synthesise the words in another voice; duration and loudness contour are kept.

    method: one of `CONVERSIONS`. pitch_ratio, formant_ratio: new over old; formants are higher in a
    shorter vocal tract. difficulty: 0 leaves obvious traces of the vocoder, 1 few.
    """
    check_choice("method", method, CONVERSIONS)
    for name, value, (low, high) in (
        ("pitch_ratio", pitch_ratio, RATIO_RANGE),
        ("formant_ratio", formant_ratio, RATIO_RANGE),
        ("difficulty", difficulty, (0, 1)),
    ):
        if not low <= value <= high:
            raise ConfigError(f"{name} must lie in {low}..{high}, got {value}")
    if waveform.is_silent:
        return waveform
    voice = Voice(waveform)
    logs = voice.spectrum.abs().clamp_min(1e-7).log()
    # 1.6 ms keeps the formants and drops the harmonics of all but the highest voices.
    envelope = smooth_envelope(logs, int(0.0016 * voice.sample_rate))
    tract = stretch_frequency(envelope, formant_ratio)
    bands = int(56 + 300 * difficulty**2)
    if method == "pulse_vocoder":
        excitation = voice.analyse(pulses(waveform, ratio=pitch_ratio, rng=rng))
        gains = through_mel(tract.exp(), bands, voice.sample_rate)
        return as_loud(voice.synthesise(excitation * gains), waveform)
    detail = stretch_frequency(logs - envelope, pitch_ratio, beyond=-1.0)
    magnitude = through_mel((tract + detail).exp(), bands, voice.sample_rate)
    if method == "phase_vocoder":
        return as_loud(run_phases_on(magnitude, voice, pitch_ratio), waveform)
    rounds, seed = int(3 + 25 * difficulty**2), int(rng.integers(2**31))
    return as_loud(griffin_lim(magnitude, voice, rounds=rounds, seed=seed), waveform)
