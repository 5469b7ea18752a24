"""Transforms of the sound: one drawn change for all windows of a clip, its length kept."""

from avfake.augment.sound.audio_codec import AudioCodec
from avfake.augment.sound.bands import BandLimit
from avfake.augment.sound.coloured_noise import ColouredNoise
from avfake.augment.sound.level import Clipping, Gain, Polarity
from avfake.augment.sound.masking import FrequencyMask, TimeMask
from avfake.augment.sound.raw_boost import ConvolutiveNoise, ImpulsiveNoise, StationaryNoise
from avfake.augment.sound.reverb import Reverb
from avfake.augment.sound.speed import Speed

__all__ = [
    "AudioCodec",
    "BandLimit",
    "Clipping",
    "ColouredNoise",
    "ConvolutiveNoise",
    "FrequencyMask",
    "Gain",
    "ImpulsiveNoise",
    "Polarity",
    "Reverb",
    "Speed",
    "StationaryNoise",
    "TimeMask",
]
