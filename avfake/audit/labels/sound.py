"""Comparison of a sound with its original: the same samples up to coding, or synthesised again.

A copy that was re-muxed, re-encoded, resampled, filtered or made louder is still, band by band, its
original times a constant: linear prediction of the one from the other leaves little. Whatever
synthesised the sound, even with the very same words, pitch and loudness, did not keep the phases of
the waveform, and next to nothing is predicted.

Neural codecs keep the strong partials below 1 kHz, which have most of the energy, and synthesise
the rest: so bands count alike. Above 4 kHz, plain codecs put noise in place of noise (AAC), or
nothing.
"""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from scipy.signal import correlate, correlation_lags, stft

from avfake.audit.labels.limits import decide
from avfake.media import Waveform

_TINY = 1e-12
_MEL_BANDS = 40
_SEGMENT_FRAMES = 16
"""Half a second at the defaults: shorter ones fit a constant to anything."""
_TOP_HZ = 4000
_BAND_RANGE_DB = -30.0
"""Bands this far below the strongest hold noise and what codecs leave; they do not count."""
_MOST_UNMATCHED_SECONDS = 0.25
"""Limit for the fake's sound where its original has none: codecs add some at both ends."""
SAMPLE_RATE = 16_000
_WINDOW = 1024
"""Samples of a window of the analysis, 64 ms: far longer than delays of filters and resampling."""
_LEAST_SAMPLES = SAMPLE_RATE // 2
"""Shorter overlaps are not compared."""
_QUIET = 10 ** (-20 / 10)
"""Segments with less than this share of the loudest one's energy do not count: noise covers them,
codecs drop them."""
_UNCHANGED_BELOW_DB, _CHANGED_ABOVE_DB = -11.0, -3.5
"""Limits for the whole and for the worst half second. Measured on 40 genuine voices: MP3 of 48
kbit/s and more, AAC and Opus of 64, ADPCM, G.711, and noise 26 dB below at most -11.0 dB. Coarser
ones (AAC of 24 and Opus of 16 kbit/s, clipping by 12 dB) lie between the limits, AMR of 4.75 kbit/s
above both for 3 of 40. The same words synthesised, 664 real pairs: 653 above, none below; the
lowest are two conversions by a filter (-10.1 dB) and neural codecs (-6.2 dB and more)."""


@dataclass(frozen=True)
class SoundComparison:
    """How far a sound is from its original."""

    changed: bool | None
    """None: unknown, see `why`."""
    offset_seconds: float | None = None
    """How much later the same sound comes in the fake."""
    residual_db: float | None = None
    """Share of each band that the original does not explain, averaged over the bands: 0 dB for
    another sound, -20 dB and less for a copy."""
    worst_residual_db: float | None = None
    """Energy that is not explained over all energy in the worst half second; high where a word was
    replaced."""
    spectral_distance_db: float | None = None
    """Root mean square between the log mel spectra, each band's mean difference taken out."""
    why: str | None = None
    """A code of `NO_LABEL_REASONS`."""


def compare_sound(fake: Waveform, original: Waveform) -> SoundComparison:
    """Return whether the fake's sound is its original's, with the measured distances."""
    if fake.is_silent or original.is_silent:
        return SoundComparison(None, why="silent")
    made, source = (_levelled(w) for w in (fake, original))
    if min(len(made), len(source)) < _LEAST_SAMPLES:
        return SoundComparison(None, why="too_short")
    offset = find_offset(made, source)
    unmatched_seconds = _unmatched_samples(made, len(source), offset) / SAMPLE_RATE
    made, source = made[max(offset, 0) :], source[max(-offset, 0) :]
    length = min(len(made), len(source))
    # [F, T] each; windows overlap by a half
    spectra = [stft(x[:length], nperseg=_WINDOW)[2] for x in (made, source)]
    residual, worst = _residuals_db(*spectra)
    if residual is None or worst is None:
        return SoundComparison(None, offset / SAMPLE_RATE, why="silent")
    changed, why = decide(max(residual, worst), _UNCHANGED_BELOW_DB, _CHANGED_ABOVE_DB)
    if changed is False and unmatched_seconds > _MOST_UNMATCHED_SECONDS:
        changed, why = None, "partly"
    return SoundComparison(
        changed,
        offset_seconds=offset / SAMPLE_RATE,
        residual_db=residual,
        worst_residual_db=worst,
        spectral_distance_db=_spectral_distance_db(*spectra),
        why=why,
    )


def find_offset(fake: np.ndarray, original: np.ndarray) -> int:
    """Return the samples by which the fake lags: the peak of the cross-correlation.

    Only lags with `_LEAST_SAMPLES` in common count. Differences of neighbouring samples are
    correlated, since low frequencies have broad peaks.
    """
    steps = [np.diff(x.astype(np.float64), prepend=0.0) for x in (fake, original)]
    lags = correlation_lags(len(fake), len(original))
    # An inverted polarity is a copy all the same.
    strength = np.abs(correlate(steps[0], steps[1], method="fft"))
    common = np.minimum(len(fake) - lags, len(original)) - np.maximum(-lags, 0)
    common = np.minimum(common, len(fake))
    strength[common < _LEAST_SAMPLES] = 0
    return int(lags[strength.argmax()])


def _unmatched_samples(fake: np.ndarray, num_original: int, offset: int) -> int:
    """Return how many samples of the fake that are not quiet lie where its original has none."""
    blocks = fake[: len(fake) // _WINDOW * _WINDOW].reshape(-1, _WINDOW)
    energies = (blocks.astype(np.float64) ** 2).sum(1)
    loud = energies > energies.max() * _QUIET
    starts = np.arange(len(blocks)) * _WINDOW
    outside = (starts < offset) | (starts + _WINDOW > offset + num_original)
    return _WINDOW * int((loud & outside).sum())


def _residuals_db(fake: np.ndarray, original: np.ndarray) -> tuple[float | None, float | None]:
    """Return the residuals of the whole and of the worst segment, each frequency fitted alone.

    fake, original: complex [F, T]
    """
    bands = _mel_bands()
    used = np.linspace(0, SAMPLE_RATE / 2, len(fake)) <= _TOP_HZ
    bands = bands[bands @ ~used == 0][:, used]
    fake, original = fake[used], original[used]
    energy = np.abs(fake) ** 2
    if energy.max() <= _TINY:
        return None, None
    gains = (fake * original.conj()).sum(1) / ((np.abs(original) ** 2).sum(1) + _TINY)
    rest = np.abs(fake - gains[:, None] * original) ** 2
    strength, left = bands @ energy.sum(1), bands @ rest.sum(1)
    counts = strength > strength.max() * 10 ** (_BAND_RANGE_DB / 10)
    whole = (left[counts] / strength[counts]).mean()
    count = max(1, energy.shape[1] // _SEGMENT_FRAMES)
    segments = np.array_split(np.arange(energy.shape[1]), count)
    energies, rests = (np.array([x[:, s].sum() for s in segments]) for x in (energy, rest))
    loud = energies > energies.max() * _QUIET
    return _db(whole), _db((rests[loud] / energies[loud]).max())


def _spectral_distance_db(fake: np.ndarray, original: np.ndarray) -> float:
    """Return the distance over bands and frames within 50 dB of the loudest in both."""
    logs = [10 * np.log10(_mel_bands() @ np.abs(x) ** 2 + _TINY) for x in (fake, original)]
    audible = np.logical_and(*(x > x.max() - 50 for x in logs))
    if not audible.any():
        return 0.0
    difference = np.where(audible, logs[0] - logs[1], 0.0)
    count = audible.sum(1, keepdims=True).clip(1)
    centred = np.where(audible, difference - difference.sum(1, keepdims=True) / count, 0.0)
    return float(np.sqrt((centred**2).sum() / audible.sum()))


@cache
def _mel_bands() -> np.ndarray:
    """Return triangles [bands, F], even on the mel scale of O'Shaughnessy, from 100 Hz up."""
    from librosa.filters import mel  # late: it takes a second

    scale: dict[str, Any] = {"n_mels": _MEL_BANDS, "fmin": 100, "htk": True, "norm": None}
    return mel(sr=SAMPLE_RATE, n_fft=_WINDOW, dtype=np.float64, **scale)


def _levelled(waveform: Waveform) -> np.ndarray:
    """Return a sound resampled and at full scale, so that its level decides nothing."""
    samples = waveform.resampled(SAMPLE_RATE).samples
    return samples / max(float(np.abs(samples).max(initial=0)), _TINY)


def _db(ratio: float) -> float:
    return float(10 * np.log10(ratio + _TINY))
