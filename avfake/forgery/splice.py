"""Genuine or forged stretches of one voice cut and joined: the words change, the seams stay."""

from collections.abc import Callable

import numpy as np

from avfake.forgery.loudness import as_strong
from avfake.media import Waveform


def splice(
    waveform: Waveform,
    *,
    piece_seconds: float,
    fade_seconds: float,
    level_db: float,
    rng: np.random.Generator,
) -> Waveform:
    """Stretches of the voice in another order, as long and as loud on the whole.

    piece_seconds: about how long a stretch is; there are at least two. fade_seconds: of the
    crossfade at each seam. level_db: up to so much louder or quieter is each stretch.
    """
    if waveform.is_silent:
        return waveform
    length = len(waveform.samples)
    count = max(2, round(waveform.duration_seconds / piece_seconds))
    inner = (np.arange(1, count) + rng.uniform(-0.35, 0.35, count - 1)) * length / count
    cuts = np.concatenate([[0], inner.astype(int), [length]])
    # A shift of the order moves every stretch; a drawn order might be the old one.
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
    return Waveform(as_strong(made[half:-half], waveform), waveform.sample_rate)


def forge_stretch(
    waveform: Waveform,
    forge: Callable[[Waveform], Waveform],
    *,
    share: float,
    fade_seconds: float,
    rng: np.random.Generator,
) -> Waveform:
    """The voice with one stretch, `share` of its length, replaced by what `forge` makes of it all.

    As in partly forged speech, where single words are exchanged.
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
    """Rises from 0 to 1 over `fade` samples, stays, falls; neighbours shifted by length - fade
    add up to 1."""
    rise = np.sin(0.5 * np.pi * (np.arange(fade) + 0.5) / max(fade, 1)) ** 2
    window = np.ones(length)
    window[:fade] *= rise
    window[length - fade :] *= rise[::-1]
    return window
