"""Changes of sound: functions of a whole waveform, whose length and rate stay.

Nothing is random: a cell does the same to every file. The transforms are those that training
applies to windows, here on the whole sound.
"""

from dataclasses import replace

import numpy as np

from avfake.augment import change_sound
from avfake.media import Waveform

ECHOES = (0.6, 3.0, 0)
"""RT60 in seconds, dB of the direct sound above the echoes, seed."""
TELEPHONE_HZ = (300.0, 3_400.0)


def coded(waveform: Waveform, *, codec: str, kbps: int) -> Waveform:
    """Encode and decode."""
    return change_sound(waveform, "audio_codec", (codec, kbps))


def telephoned(waveform: Waveform) -> Waveform:
    """Keep the band of a telephone, at 8 kHz and 8 bits (G.711, mu-law)."""
    if len(waveform.samples) > 1:
        waveform = change_sound(waveform, "band_limit", TELEPHONE_HZ)
    return coded(waveform, codec="mulaw", kbps=0)


def reverberant(waveform: Waveform) -> Waveform:
    """Add the reverberation of a hall, as loud as before."""
    return change_sound(waveform, "reverb", ECHOES)


def noisy(waveform: Waveform, *, snr_db: float) -> Waveform:
    """Add pink noise, so many dB below the mean power; silence stays silent."""
    power = float(np.mean(waveform.samples.astype(np.float64) ** 2))
    level = float(np.sqrt(power)) * 10 ** (-snr_db / 20)
    return change_sound(waveform, "noise", ("pink", level, 0))


def louder(waveform: Waveform, *, decibels: float) -> Waveform:
    """Change the level by so many dB, clipped to [-1, 1], as in a file."""
    return change_sound(waveform, "gain", decibels)


def late(waveform: Waveform, *, seconds: float) -> Waveform:
    """Delay the sound against the picture (advance it, if negative) and fill with silence.

    Not wrapped round: a file that is out of step has silence there.
    """
    offset = round(seconds * waveform.sample_rate)
    samples = np.zeros_like(waveform.samples)
    kept = max(0, len(samples) - abs(offset))
    start, source = max(0, offset), max(0, -offset)
    samples[start : start + kept] = waveform.samples[source : source + kept]
    return replace(waveform, samples=samples)


def muted(waveform: Waveform) -> Waveform:
    """Return digital silence; the sound track is still there."""
    return replace(waveform, samples=np.zeros_like(waveform.samples))
