"""Every way to forge a voice from its recording alone, under one signature, with drawn settings.

How hard a forgery is to hear is drawn with it: from plain to what a good generator leaves.
"""

from collections.abc import Sequence
from functools import partial
from typing import Protocol

import numpy as np
import torch

from avfake.forgery.codecs import lpc_codec, lpc_vocoder, neural_codec, own_units
from avfake.forgery.edits import forge_stretch, raise_rate, splice, stride_pattern
from avfake.forgery.face_methods import draw_name
from avfake.forgery.spectra import Analysis, as_loud, griffin_lim, through_mel
from avfake.forgery.vocoders import Conversion, convert_voice, world_vocoder
from avfake.media import Waveform

_COPY_SHARE = 0.5
"""How often pitch and formants stay: what is left is the vocoder's own trace."""


class VoiceMethod(Protocol):
    """A voice in, a forged one out: as long, at the same rate, as loud."""

    def __call__(self, waveform: Waveform, *, rng: np.random.Generator) -> Waveform: ...


def forge_voice(
    waveform: Waveform, *, rng: np.random.Generator, methods: Sequence[str] | None = None
) -> Waveform:
    """The voice forged by one drawn method with drawn settings: as long and as loud as before.

    methods: names of `VOICE_METHODS` to draw from, each as likely; None is all. Digital silence
    comes back as it is: there is no voice in it. Only where it would leave full scale is the result
    quieter than the original, as clipping would be one more trace.
    """
    method = VOICE_METHODS[draw_name(methods, VOICE_METHODS, rng)]
    if waveform.is_silent:
        return waveform
    made = method(waveform, rng=rng).samples
    peak = max(1.0, float(np.abs(made).max()))
    return Waveform(made / np.float32(peak), waveform.sample_rate)


def _draw_ratios(rng: np.random.Generator) -> tuple[float, float]:
    """Pitch and formants, new over old."""
    if rng.random() < _COPY_SHARE:
        return 1.0, 1.0
    return float(2 ** rng.uniform(-0.5, 0.5)), float(2 ** rng.uniform(-0.22, 0.22))


def _converted(waveform: Waveform, *, rng: np.random.Generator, method: Conversion) -> Waveform:
    pitch, formant = _draw_ratios(rng)
    return convert_voice(
        waveform,
        method=method,
        pitch_ratio=pitch,
        formant_ratio=formant,
        difficulty=float(rng.uniform(0.2, 1)),
        rng=rng,
    )


def _copied(waveform: Waveform, *, rng: np.random.Generator) -> Waveform:
    """Mel and back: phases begin at random, or as a good vocoder guesses them."""
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


def _world(waveform: Waveform, *, rng: np.random.Generator) -> Waveform:
    pitch, formant = _draw_ratios(rng)
    buzz = float(rng.uniform(0, 1)) * (rng.random() < 0.5)
    return world_vocoder(waveform, pitch_ratio=pitch, formant_ratio=formant, buzz=buzz, rng=rng)


def _lpc(waveform: Waveform, *, rng: np.random.Generator) -> Waveform:
    pitch, formant = _draw_ratios(rng)
    order = int(rng.integers(10, 33))
    return lpc_vocoder(waveform, pitch_ratio=pitch, formant_ratio=formant, order=order, rng=rng)


def _lpc_codec(waveform: Waveform, *, rng: np.random.Generator) -> Waveform:
    return lpc_codec(
        waveform,
        order=int(rng.integers(8, 25)),
        stages=int(rng.integers(1, 4)),
        thinning=int(rng.choice([1, 1, 2, 3])),
        rng=rng,
    )


def _neural_codec(waveform: Waveform, *, rng: np.random.Generator) -> Waveform:
    entries, width = int(rng.choice([64, 256, 512])), int(rng.choice([4, 8, 16]))
    # At 16 kHz 0.5 bit a coefficient is 8 kbit/s and 2 is 32; the gains come on top.
    stages = max(1, round(rng.uniform(0.5, 2) * width / np.log2(entries)))
    return neural_codec(waveform, stages=stages, entries=entries, width=width, rng=rng)


def _units(waveform: Waveform, *, rng: np.random.Generator) -> Waveform:
    num_units = int(2 ** rng.uniform(4, 7))
    rounds = int(rng.integers(2, 16))
    return own_units(waveform, num_units=num_units, bands=80, rounds=rounds, rng=rng)


def _splice(waveform: Waveform, *, rng: np.random.Generator) -> Waveform:
    return splice(
        waveform,
        piece_seconds=float(rng.uniform(0.15, 0.8)),
        fade_seconds=float(10 ** rng.uniform(-3.3, -1.6)),
        level_db=float(rng.uniform(0, 4)),
        rng=rng,
    )


def _upsample(waveform: Waveform, *, rng: np.random.Generator) -> Waveform:
    share = float(rng.choice([0.375, 0.5, 0.5, 0.6875, 0.75]))
    low_rate = round(share * waveform.sample_rate)
    return raise_rate(waveform, low_rate=low_rate, hold=float(rng.uniform(0, 1)))


def _strides(waveform: Waveform, *, rng: np.random.Generator) -> Waveform:
    strides = ((2, 2, 8), (2, 4, 5), (4, 4), (2, 2, 2, 4), (5, 4))[int(rng.integers(5))]
    strength = float(10 ** rng.uniform(-2.3, -1))
    return stride_pattern(waveform, strides=strides, strength=strength, rng=rng)


def _partial(waveform: Waveform, *, rng: np.random.Generator) -> Waveform:
    method = VOICE_METHODS[draw_name(_WHOLE, VOICE_METHODS, rng)]
    return forge_stretch(
        waveform,
        lambda whole: method(whole, rng=rng),
        share=float(rng.uniform(0.3, 0.8)),
        fade_seconds=float(10 ** rng.uniform(-3, -1.5)),
        rng=rng,
    )


VOICE_METHODS: dict[str, VoiceMethod] = {
    # Voice conversion and older text-to-speech: a mel spectrum, phases found by iteration.
    "griffin_lim": partial(_converted, method="griffin_lim"),
    # Pitch and formant shifters.
    "phase_vocoder": partial(_converted, method="phase_vocoder"),
    # Statistical parametric speech: pulses and noise through a mel envelope.
    "pulse_vocoder": partial(_converted, method="pulse_vocoder"),
    # The same with a finer envelope and measured aperiodicity.
    "world": _world,
    # Nothing but the way through 80 mel bands, with good or bad phases.
    "copy_mel": _copied,
    "lpc": _lpc,
    # Telephone codecs of synthetic calls; the residual in few bits.
    "lpc_codec": _lpc_codec,
    # Codec language models: residual vector quantisation.
    "neural_codec": _neural_codec,
    # Speech told in discrete units.
    "units": _units,
    # The last layers of neural vocoders: mirrored spectra, gains that repeat with the stride.
    "upsample": _upsample,
    "strides": _strides,
    # Words rearranged by hand.
    "splice": _splice,
    # Partly forged speech: one stretch by another of these methods.
    "partial": _partial,
}
"""Name -> method; each takes (waveform, rng=) and draws its own settings."""
_WHOLE = [name for name in VOICE_METHODS if name not in ("splice", "partial")]
