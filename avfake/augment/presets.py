"""Names of transforms with their default values, and of presets that combine several.

Each class of the modules of `picture` and `sound` is available by its `name`; to add a transform,
write a class there.
"""

from collections.abc import Mapping
from types import ModuleType
from typing import Any

from avfake.augment.picture import codecs, cutouts, geometry, pixels
from avfake.augment.picture.cutouts import BitmapCutout, HalfFaceCutout, LandmarkCutout
from avfake.augment.sound import audio_codec, channel, noise
from avfake.augment.sound.noise import ConvolutiveNoise, ImpulsiveNoise, StationaryNoise
from avfake.augment.transform import FirstOf, OneOf, Transform

Chain = tuple[Transform[Any], ...]

# First place of the DFDC (Seferbekov). The cut-outs come first; where the first
# is not drawn, the second may be, and so on. Its resize to the size of the network is a scaling
# down and up here, as prepared crops are of one size already.
WINNER: Chain = (
    FirstOf(
        probability=1.0,
        choices=(
            LandmarkCutout(0.7),
            HalfFaceCutout(0.2),
            BitmapCutout(0.1),
        ),
    ),
    codecs.Jpeg(0.5, quality=(60, 100)),
    pixels.GaussianNoise(0.1),
    pixels.GaussianBlur(0.05),
    geometry.Flip(0.5),
    geometry.Rescale(1.0),
    OneOf(0.7, choices=(pixels.BrightnessContrast(), pixels.FancyPCA(), pixels.HueSaturation())),
    pixels.Grey(0.2),
    geometry.ShiftScaleRotate(0.5, max_shift=0.1, max_scale=0.2, max_turn_degrees=10.0),
)

# 69th place of the DFDC; the write-up does not say how often the two coarse ones are done.
GGD: Chain = (geometry.Flip(0.5), geometry.Downscale(0.5), codecs.Jpeg(0.5, quality=(8, 30)))

# 41st place of the DFDC; the write-up does not name the kinds of its "mild" changes.
POL: Chain = (
    geometry.Downscale(0.5, share=(0.5, 0.5)),
    geometry.Flip(0.5),
    OneOf(
        0.5,
        choices=(
            pixels.BrightnessContrast(max_brightness=0.1, max_contrast=0.1),
            pixels.HueSaturation(max_hue_degrees=10.0, max_saturation=0.15, max_value=0.05),
            pixels.GaussianNoise(variance=(2.0, 20.0)),
        ),
    ),
    codecs.Jpeg(0.5, quality=(50, 99)),
)

# A screen filmed by a hand-held camera.
DEVICE: Chain = (
    pixels.Moire(0.3),
    pixels.Gamma(0.5),
    pixels.GaussianBlur(0.3, deviation_px=(0.5, 1.5)),
    pixels.Sharpen(0.3),
    pixels.GaussianNoise(0.3),
)


def _by_name(*modules: ModuleType) -> dict[str, Chain]:
    """Return name -> transform with its default values, for every transform of some modules."""
    classes = [c for m in modules for c in vars(m).values() if isinstance(c, type)]
    transforms = [c for c in classes if issubclass(c, Transform) and "name" in vars(c)]
    return {one.name: (one(),) for one in transforms}


PICTURE: Mapping[str, Chain] = {
    **_by_name(codecs, cutouts, geometry, pixels),
    "winner": WINNER,
    "ggd": GGD,
    "pol": POL,
    "codec": (codecs.VideoCodec(0.5),),
    "device": DEVICE,
    "cutouts": WINNER[:1],
}
"""Name -> transforms of the picture."""

SOUND: Mapping[str, Chain] = {
    **_by_name(audio_codec, channel, noise),
    "codec": (audio_codec.AudioCodec(0.5),),
    "telephone": (
        channel.BandLimit(0.3, low_hz=(250.0, 350.0), high_hz=(3_300.0, 3_600.0)),
        audio_codec.AudioCodec(0.3, codecs=("alaw", "mulaw")),
    ),
    "reverberant": (channel.Reverb(0.5), noise.ColouredNoise(0.5)),
    # A reshared file: coded again, of narrow band, with echoes or noise. Most files are unchanged.
    "reshared": (
        channel.BandLimit(0.05),
        channel.Reverb(0.05),
        noise.ColouredNoise(0.15, snr_db=(15.0, 40.0)),
        audio_codec.AudioCodec(0.2),
    ),
    # Degradations as in "reshared", exactly one for every file.
    "degraded": (
        OneOf(
            1.0,
            choices=(
                audio_codec.AudioCodec(),
                audio_codec.AudioCodec(codecs=("mp3", "opus")),
                noise.ColouredNoise(snr_db=(15.0, 35.0)),
                channel.Reverb(),
            ),
        ),
    ),
    "specaugment": (channel.TimeMask(0.5), channel.FrequencyMask(0.5)),
    "rawboost": (
        ConvolutiveNoise(0.5),
        ImpulsiveNoise(0.5),
        StationaryNoise(0.5),
    ),
    "level": (channel.Gain(0.5), channel.Polarity(0.5), channel.Clipping(0.1)),
}
"""Name -> transforms of the sound."""
