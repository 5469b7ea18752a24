"""Somebody's words in another voice: pitch and vocal tract are changed, the sound is made anew.

Like a neural voice conversion, each method takes the sound apart into a coarse description,
changes that, and lets a vocoder make up the rest; what it makes up is the trace. Words, rhythm and
loudness stay.
"""

from typing import Literal, get_args

import numpy as np
import torch

from avfake.errors import ConfigError
from avfake.forgery.loudness import as_loud
from avfake.forgery.phases import griffin_lim, pulses, run_phases_on
from avfake.forgery.spectra import Analysis, smooth_envelope, stretch_frequency, through_mel
from avfake.media import Waveform

Conversion = Literal["griffin_lim", "phase_vocoder", "pulse_vocoder"]
CONVERSIONS: tuple[Conversion, ...] = get_args(Conversion)
RATIO_RANGE = (0.5, 2.0)
"""Pitch and formant ratios allowed."""


def convert_voice(
    waveform: Waveform,
    *,
    method: Conversion,
    pitch_ratio: float,
    formant_ratio: float,
    difficulty: float,
    rng: np.random.Generator,
) -> Waveform:
    """The same words, as long and as loud from moment to moment, in another voice.

    pitch_ratio, formant_ratio: new over old; formants lie higher in a shorter vocal tract.
    difficulty: 0 leaves plain traces of the vocoder, 1 few.
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
