"""Traces of making sound at a low rate and bringing it up, as the last layers of vocoders do."""

import numpy as np
from scipy.signal import resample_poly

from avfake.forgery.loudness import as_strong
from avfake.media import Waveform


def raise_rate(waveform: Waveform, *, low_rate: int, hold: float) -> Waveform:
    """The voice at `low_rate` Hz brought back up so badly that its spectrum is mirrored above.

    hold: 0 draws straight lines between the samples (weak images), 1 holds each (strong ones).
    """
    if waveform.is_silent or low_rate >= waveform.sample_rate:
        return waveform
    divisor = np.gcd(low_rate, waveform.sample_rate)
    low = resample_poly(
        waveform.samples.astype(np.float64), low_rate // divisor, waveform.sample_rate // divisor
    )
    places = np.arange(len(waveform.samples)) * (low_rate / waveform.sample_rate)
    line = np.interp(places, np.arange(len(low)), low)
    held = low[places.astype(int).clip(max=len(low) - 1)]
    return Waveform(as_strong(line + hold * (held - line), waveform), waveform.sample_rate)


def stride_pattern(
    waveform: Waveform, *, strides: tuple[int, ...], strength: float, rng: np.random.Generator
) -> Waveform:
    """The voice times gains that repeat every few samples, as uneven overlaps of kernels leave.

    Transposed convolutions do this at each of their strides (Pons et al. 2021): faint copies of the
    spectrum about multiples of the rate over the stride. strength: deviation of the gains.
    """
    if waveform.is_silent:
        return waveform
    gains = np.ones(len(waveform.samples))
    for period in np.cumprod(strides):
        pattern = rng.standard_normal(period)
        spread = max(float(pattern.std()), 1e-6)
        pattern = (pattern - pattern.mean()) / spread * strength
        gains *= 1 + np.resize(pattern, len(gains))
    return Waveform(as_strong(waveform.samples * gains, waveform), waveform.sample_rate)
