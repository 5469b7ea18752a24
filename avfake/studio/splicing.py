"""A forged stretch in a genuine clip: picture or sound of a fake, used for part of the time."""

import numpy as np

from avfake.labels import ForgedSegment
from avfake.media import Waveform

FADE_SECONDS = 0.1
"""At either end, inside the stretch; a frame and a half of 15 a second."""


def splice_picture(
    genuine: np.ndarray, forged: np.ndarray, segment: ForgedSegment, *, fps: float
) -> np.ndarray:
    """uint8 [T, H, W, 3]: genuine, but for the frames in the segment; both of that shape."""
    middles = (np.arange(len(genuine)) + 0.5) / fps
    shares = forged_share(middles, segment)
    spliced = genuine.copy()
    for frame in np.flatnonzero(shares):
        mixed = genuine[frame] + shares[frame] * (forged[frame].astype(np.float32) - genuine[frame])
        spliced[frame] = mixed.round().clip(0, 255).astype(np.uint8)
    return spliced


def splice_sound(genuine: Waveform, forged: Waveform, segment: ForgedSegment) -> Waveform:
    """Genuine sound, but for the segment; both as long and of one rate."""
    moments = np.arange(len(genuine.samples)) / genuine.sample_rate
    mixed = genuine.samples + forged_share(moments, segment) * (forged.samples - genuine.samples)
    return Waveform(mixed.astype(np.float32), genuine.sample_rate)


def forged_share(moments: np.ndarray, segment: ForgedSegment) -> np.ndarray:
    """float32 like `moments` in seconds: 0 outside the segment, 1 inside, smooth in the fades."""
    start, end, _ = segment
    inwards = np.minimum(moments - start, end - moments) / FADE_SECONDS
    share: np.ndarray = np.sin(0.5 * np.pi * inwards.clip(0, 1)) ** 2
    return share.astype(np.float32)
