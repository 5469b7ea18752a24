"""Edits of a recording: segments cut and joined, and imperfect upsampling."""

from collections.abc import Callable

import numpy as np
import scipy  # scipy.signal, which takes a second to import, is imported at its first use

from avfake.forgery.spectra import as_strong
from avfake.media import Waveform


def splice(
    waveform: Waveform,
    *,
    piece_seconds: float,
    fade_seconds: float,
    level_db: float,
    rng: np.random.Generator,
) -> Waveform:
    """Rearrange segments of a voice; duration and overall loudness are kept.

    piece_seconds: approximate length of a segment; there are at least two. fade_seconds: crossfade
    at each seam. level_db: largest change of the level of a segment.
    """
    length = len(waveform.samples)
    count = max(2, round(waveform.duration_seconds / piece_seconds))
    inner = (np.arange(1, count) + rng.uniform(-0.35, 0.35, count - 1)) * length / count
    cuts = np.concatenate([[0], inner.astype(int), [length]])
    # Shifting the order moves every segment; a random order might be the old one.
    order = rng.permutation(np.roll(np.arange(count), 1)) if count > 3 else np.roll(range(count), 1)
    if (order == np.arange(count)).all():
        order = np.roll(order, 1)
    half = max(1, int(min(fade_seconds * waveform.sample_rate, np.diff(cuts).min() - 1)) // 2)
    padded = np.pad(waveform.samples.astype(np.float64), half, mode="reflect")
    made, start = np.zeros(length + 2 * half), 0
    for piece in order:
        size = cuts[piece + 1] - cuts[piece]
        gain = 10 ** (rng.uniform(-level_db, level_db) / 20)
        window = _plateau(size + 2 * half, 2 * half)
        made[start : start + size + 2 * half] += (
            gain * window * padded[cuts[piece] : cuts[piece + 1] + 2 * half]
        )
        start += size
    return as_strong(made[half:-half], waveform)


def forge_segment(
    waveform: Waveform,
    forge: Callable[[Waveform], Waveform],
    *,
    share: float,
    fade_seconds: float,
    rng: np.random.Generator,
) -> Waveform:
    """Replace one segment, `share` of the length, by the same segment of the forged voice.

    As in partly forged speech, where single words are exchanged. `forge` gets the whole voice.
    """
    length = len(waveform.samples)
    size = max(1, round(share * length))
    start = int(rng.integers(length - size + 1)) if length else 0
    fade = int(min(fade_seconds * waveform.sample_rate, size // 2))
    weight = np.zeros(length)
    weight[start : start + size] = _plateau(size, fade)
    made = forge(waveform).samples
    mixed = waveform.samples + weight * (made - waveform.samples)
    return Waveform(mixed.astype(np.float32), waveform.sample_rate)


def _plateau(length: int, fade: int) -> np.ndarray:
    """Return a window with rising and falling edges of `fade` samples.

    With its neighbours, shifted by length - fade, it adds up to 1.
    """
    rise = np.sin(0.5 * np.pi * (np.arange(fade) + 0.5) / max(fade, 1)) ** 2
    window = np.ones(length)
    window[:fade] *= rise
    window[length - fade :] *= rise[::-1]
    return window


def raise_rate(waveform: Waveform, *, share: float, hold: float) -> Waveform:
    """Resample a voice to a share of its rate and back so that its spectrum is mirrored above.

    hold: 0 interpolates linearly (weak images), 1 repeats each sample (strong ones).
    """
    low_rate = round(share * waveform.sample_rate)
    # `resample_poly` divides both rates by their greatest common divisor.
    low = scipy.signal.resample_poly(
        waveform.samples.astype(np.float64), low_rate, waveform.sample_rate
    )
    positions = np.arange(len(waveform.samples)) * (low_rate / waveform.sample_rate)
    line = np.interp(positions, np.arange(len(low)), low)
    held = low[positions.astype(int).clip(max=len(low) - 1)]
    return as_strong(line + hold * (held - line), waveform)


def stride_pattern(
    waveform: Waveform, *, strides: tuple[int, ...], strength: float, rng: np.random.Generator
) -> Waveform:
    """Multiply a voice by gains that repeat every few samples, like uneven overlaps of kernels.

    Transposed convolutions do this at each of their strides (Pons et al. 2021): faint copies of the
    spectrum about multiples of the rate over the stride. strength: deviation of the gains.
    """
    gains = np.ones(len(waveform.samples))
    for period in np.cumprod(strides):
        pattern = rng.standard_normal(period)
        spread = max(float(pattern.std()), 1e-6)
        pattern = (pattern - pattern.mean()) / spread * strength
        gains *= 1 + np.resize(pattern, len(gains))
    return as_strong(waveform.samples * gains, waveform)
