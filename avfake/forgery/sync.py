"""Genuine sound that does not belong to its picture: negatives for whoever learns synchrony."""

import numpy as np

from avfake.forgery.loudness import as_strong
from avfake.media import Waveform, resample


def shift_sync(waveform: Waveform, *, seconds: float) -> Waveform:
    """The sound `seconds` later (earlier if negative), as long as before.

    What leaves at one end comes in at the other. Silence or a mirrored stretch there would tell of
    the shift without any look at the lips; the one join of a wrap is a cut in genuine sound,
    smoothed over 5 ms. Not for a shift by the whole length, which changes nothing.
    """
    length = len(waveform.samples)
    offset = round(seconds * waveform.sample_rate)
    if not length or not offset % length:
        return waveform
    shifted = np.roll(waveform.samples, offset)
    return Waveform(
        _without_step(shifted, offset % length, waveform.sample_rate), waveform.sample_rate
    )


def foreign_sound(waveform: Waveform, like: Waveform) -> Waveform:
    """Another soundtrack at the length, sample rate and loudness of `like`.

    Too short a one starts over. Silence stays silent.
    """
    samples = resample(waveform.samples, waveform.sample_rate, like.sample_rate)
    if not len(samples):
        raise ValueError("the foreign sound has no samples")
    cut = np.resize(samples, len(like.samples))
    if waveform.is_silent or like.is_silent or not len(cut):
        return Waveform(cut.astype(np.float32), like.sample_rate)
    return Waveform(as_strong(cut, like), like.sample_rate)


def _without_step(samples: np.ndarray, join: int, sample_rate: int) -> np.ndarray:
    """The samples with the jump before index `join` spread over 5 ms to either side."""
    reach = int(0.005 * sample_rate)
    step = float(samples[join]) - float(samples[join - 1])
    before, after = samples[max(0, join - reach) : join], samples[join : join + reach]
    before += np.float32(step / 2) * np.linspace(0, 1, len(before), dtype=np.float32) ** 2
    after -= np.float32(step / 2) * np.linspace(1, 0, len(after), dtype=np.float32) ** 2
    return samples
