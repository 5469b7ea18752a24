"""Names for transforms with their usual values, and for lists of them that belong together."""

from collections.abc import Mapping
from typing import Any

from avfake.augment import picture as p
from avfake.augment import sound as s
from avfake.augment.transform import FirstOf, OneOf, Transform

Chain = tuple[Transform[Any], ...]

# First place of the DFDC: features.md 3a, items 10 and 9. The cut-outs come first; where the first
# is not drawn, the second may be, and so on. Its resize to the size of the network is a scaling
# down and up here, as prepared crops are of one size already.
WINNER: Chain = (
    FirstOf(
        probability=1.0,
        choices=(p.LandmarkCutout(0.7), p.HalfFaceCutout(0.2), p.BitmapCutout(0.1)),
    ),
    p.Jpeg(0.5, quality=(60, 100)),
    p.GaussianNoise(0.1),
    p.GaussianBlur(0.05),
    p.Flip(0.5),
    p.Rescale(1.0),
    OneOf(0.7, choices=(p.BrightnessContrast(), p.FancyPCA(), p.HueSaturation())),
    p.Grey(0.2),
    p.ShiftScaleRotate(0.5, max_shift=0.1, max_scale=0.2, max_turn_degrees=10.0),
)

# features.md 3b; how often the two coarse ones are done is not said there.
GGD: Chain = (p.Flip(0.5), p.Downscale(0.5), p.Jpeg(0.5, quality=(8, 30)))

# features.md 3c; of "mild" changes the kinds are not said there.
POL: Chain = (
    p.Downscale(0.5, share=(0.5, 0.5)),
    p.Flip(0.5),
    OneOf(
        0.5,
        choices=(
            p.BrightnessContrast(max_brightness=0.1, max_contrast=0.1),
            p.HueSaturation(max_hue_degrees=10.0, max_saturation=0.15, max_value=0.05),
            p.GaussianNoise(variance=(2.0, 20.0)),
        ),
    ),
    p.Jpeg(0.5, quality=(50, 99)),
)

# A screen filmed by a hand-held camera.
DEVICE: Chain = (
    p.Moire(0.3),
    p.Gamma(0.5),
    p.GaussianBlur(0.3, deviation_px=(0.5, 1.5)),
    p.Sharpen(0.3),
    p.GaussianNoise(0.3),
)

PICTURE_TRANSFORMS: tuple[type[Transform[Any]], ...] = (
    p.Flip,
    p.Jpeg,
    p.VideoCodec,
    p.GaussianNoise,
    p.GaussianBlur,
    p.Sharpen,
    p.Rescale,
    p.Downscale,
    p.BrightnessContrast,
    p.Gamma,
    p.HueSaturation,
    p.FancyPCA,
    p.Grey,
    p.ShiftScaleRotate,
    p.Moire,
    p.LandmarkCutout,
    p.HalfFaceCutout,
    p.BitmapCutout,
    p.RandomErasing,
)
SOUND_TRANSFORMS: tuple[type[Transform[Any]], ...] = (
    s.AudioCodec,
    s.BandLimit,
    s.Gain,
    s.Clipping,
    s.Polarity,
    s.ColouredNoise,
    s.Reverb,
    s.Speed,
    s.TimeMask,
    s.FrequencyMask,
    s.ConvolutiveNoise,
    s.ImpulsiveNoise,
    s.StationaryNoise,
)

PICTURE: Mapping[str, Chain] = {
    **{transform.name: (transform(),) for transform in PICTURE_TRANSFORMS},
    "winner": WINNER,
    "ggd": GGD,
    "pol": POL,
    "codec": (p.VideoCodec(0.5),),
    "device": DEVICE,
    "cutouts": WINNER[:1],
}
"""Name -> what it does to the picture."""

SOUND: Mapping[str, Chain] = {
    **{transform.name: (transform(),) for transform in SOUND_TRANSFORMS},
    "codec": (s.AudioCodec(0.5),),
    "telephone": (
        s.BandLimit(0.3, low_hz=(250.0, 350.0), high_hz=(3_300.0, 3_600.0)),
        s.AudioCodec(0.3, codecs=("alaw", "mulaw")),
    ),
    "room": (s.Reverb(0.5), s.ColouredNoise(0.5)),
    # A file that was passed on: coded again, cut to a narrow band, played in a room. Most are not.
    "passed_on": (
        s.BandLimit(0.05),
        s.Reverb(0.05),
        s.ColouredNoise(0.15, snr_db=(15.0, 40.0)),
        s.AudioCodec(0.2),
    ),
    # The same, done to every file: one of them each.
    "worn": (
        OneOf(
            1.0,
            choices=(
                s.AudioCodec(),
                s.AudioCodec(codecs=("mp3", "opus")),
                s.ColouredNoise(snr_db=(15.0, 35.0)),
                s.Reverb(),
            ),
        ),
    ),
    "specaugment": (s.TimeMask(0.5), s.FrequencyMask(0.5)),
    "rawboost": (s.ConvolutiveNoise(0.5), s.ImpulsiveNoise(0.5), s.StationaryNoise(0.5)),
    "level": (s.Gain(0.5), s.Polarity(0.5), s.Clipping(0.1)),
}
"""Name -> what it does to the sound."""
