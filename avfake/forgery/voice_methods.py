"""Every method to forge a voice from its recording alone, in one registry with drawn settings.

How hard a forgery is to hear is drawn with it: from obvious to what a good generator leaves.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol

import numpy as np
import torch

from avfake.forgery.codecs import lpc_codec, lpc_vocoder, neural_codec, own_units
from avfake.forgery.edits import forge_segment, raise_rate, splice, stride_pattern
from avfake.forgery.face_methods import draw_name
from avfake.forgery.spectra import Analysis, as_loud, griffin_lim, through_mel
from avfake.forgery.vocoders import CONVERSIONS, convert_voice, world_vocoder
from avfake.media import Waveform

_COPY_SHARE = 0.5
"""How often pitch and formants are kept: only the trace of the vocoder is left."""
Draw = Callable[[np.random.Generator], Any]


class VoiceMethod(Protocol):
    """A function that forges a voice and keeps its length, sample rate and loudness."""

    def __call__(self, waveform: Waveform, *, rng: np.random.Generator) -> Waveform: ...


def forge_voice(
    waveform: Waveform, *, rng: np.random.Generator, methods: Sequence[str] | None = None
) -> Waveform:
    """Forge a voice by one drawn method with drawn settings; length and loudness are kept.

    methods: names of `VOICE_METHODS` to draw from with equal probability; None = all. Digital
    silence is returned as it is. The result is quieter than the original only where it would
    exceed full scale, because clipping would be one more trace.
    """
    method = VOICE_METHODS[draw_name(methods, VOICE_METHODS, rng)]
    if waveform.is_silent:
        return waveform
    made = method(waveform, rng=rng).samples
    peak = max(1.0, float(np.abs(made).max()))
    return Waveform(made / np.float32(peak), waveform.sample_rate)


def _drawing(method: Callable[..., Waveform], *groups: Draw, **settings: Draw) -> VoiceMethod:
    """Return `method` with its settings drawn: groups (dicts of several) first."""

    def forge(waveform: Waveform, *, rng: np.random.Generator) -> Waveform:
        drawn: dict[str, Any] = {}
        for group in groups:
            drawn |= group(rng)
        drawn |= {name: draw(rng) for name, draw in settings.items()}
        return method(waveform, **drawn, rng=rng)

    return forge


def _uniform(low: float, high: float) -> Draw:
    return lambda rng: float(rng.uniform(low, high))


def _power_of_ten(low: float, high: float) -> Draw:
    return lambda rng: float(10 ** rng.uniform(low, high))


def _integer(low: int, end: int) -> Draw:
    return lambda rng: int(rng.integers(low, end))


def _ratios(rng: np.random.Generator) -> dict[str, float]:
    """Draw the new pitch and formants over the old ones."""
    if rng.random() < _COPY_SHARE:
        return {"pitch_ratio": 1.0, "formant_ratio": 1.0}
    pitch, formant = 2 ** rng.uniform(-0.5, 0.5), 2 ** rng.uniform(-0.22, 0.22)
    return {"pitch_ratio": float(pitch), "formant_ratio": float(formant)}


def _codec_rate(rng: np.random.Generator) -> dict[str, int]:
    entries, width = int(rng.choice([64, 256, 512])), int(rng.choice([4, 8, 16]))
    # At 16 kHz 0.5 bit a coefficient is 8 kbit/s and 2 is 32; the gains are added to that.
    stages = max(1, round(rng.uniform(0.5, 2) * width / np.log2(entries)))
    return {"entries": entries, "width": width, "stages": stages}


def _copy_mel(waveform: Waveform, *, rng: np.random.Generator) -> Waveform:
    """Convert to mel bands and back, with phases random at first or close to the true ones."""
    analysis = Analysis.at(waveform.sample_rate)
    spectrum = analysis.spectrum(torch.from_numpy(waveform.samples))
    bands, rounds = int(rng.choice([80, 80, 100, 128])), int(rng.integers(2, 25))
    start = None
    if rng.random() < 0.5:
        error = rng.standard_normal(spectrum.shape, np.float32) * rng.uniform(0.3, 1.5)
        start = spectrum.angle() + torch.from_numpy(error.astype(np.float32))
    made = griffin_lim(
        through_mel(spectrum.abs(), bands, waveform.sample_rate),
        analysis,
        length=len(waveform.samples),
        rounds=rounds,
        seed=int(rng.integers(2**31)),
        start=start,
    )
    return Waveform(as_loud(made.numpy(), waveform), waveform.sample_rate)


def _upsample(waveform: Waveform, *, rng: np.random.Generator) -> Waveform:
    share = float(rng.choice([0.375, 0.5, 0.5, 0.6875, 0.75]))
    low_rate = round(share * waveform.sample_rate)
    return raise_rate(waveform, low_rate=low_rate, hold=float(rng.uniform(0, 1)))


def _partial(waveform: Waveform, *, rng: np.random.Generator) -> Waveform:
    method = VOICE_METHODS[draw_name(_WHOLE, VOICE_METHODS, rng)]
    return forge_segment(
        waveform,
        lambda whole: method(whole, rng=rng),
        share=float(rng.uniform(0.3, 0.8)),
        fade_seconds=float(10 ** rng.uniform(-3, -1.5)),
        rng=rng,
    )


_STRIDES = ((2, 2, 8), (2, 4, 5), (4, 4), (2, 2, 2, 4), (5, 4))
VOICE_METHODS: dict[str, VoiceMethod] = {
    # griffin_lim: voice conversion and older text-to-speech, a mel spectrum and phases found by
    # iteration; phase_vocoder: pitch and formant shifters; pulse_vocoder: statistical parametric
    # speech, pulses and noise through a mel envelope.
    **{
        name: _drawing(partial(convert_voice, method=name), _ratios, difficulty=_uniform(0.2, 1))
        for name in CONVERSIONS
    },
    # As pulse_vocoder, with a finer envelope and measured aperiodicity.
    "world": _drawing(
        world_vocoder, _ratios, buzz=lambda rng: rng.uniform(0, 1) * (rng.random() < 0.5)
    ),
    # Nothing but the conversion to 80 or more mel bands and back.
    "copy_mel": _copy_mel,
    "lpc": _drawing(lpc_vocoder, _ratios, order=_integer(10, 33)),
    # Telephone codecs of synthetic calls: the residual in few bits.
    "lpc_codec": _drawing(
        lpc_codec,
        order=_integer(8, 25),
        stages=_integer(1, 4),
        thinning=lambda rng: int(rng.choice([1, 1, 2, 3])),
    ),
    # Codec language models: residual vector quantisation.
    "neural_codec": _drawing(neural_codec, _codec_rate),
    # Speech made of discrete units.
    "units": _drawing(
        partial(own_units, bands=80),
        num_units=lambda rng: int(2 ** rng.uniform(4, 7)),
        rounds=_integer(2, 16),
    ),
    # The last layers of neural vocoders: mirrored spectra, gains that repeat with the stride.
    "upsample": _upsample,
    "strides": _drawing(
        stride_pattern,
        strides=lambda rng: _STRIDES[int(rng.integers(5))],
        strength=_power_of_ten(-2.3, -1),
    ),
    # Words rearranged by hand.
    "splice": _drawing(
        splice,
        piece_seconds=_uniform(0.15, 0.8),
        fade_seconds=_power_of_ten(-3.3, -1.6),
        level_db=_uniform(0, 4),
    ),
    # Partly forged speech: one segment by another of these methods.
    "partial": _partial,
}
"""Name -> method. To add one, write f(waveform, *, settings, rng) and enter it here, its settings
drawn by `_drawing`; see docs/training_at_scale.md, "Add a forgery"."""
_WHOLE = [name for name in VOICE_METHODS if name not in ("splice", "partial")]
