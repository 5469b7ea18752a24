"""Names of transforms with what their parameters are drawn from, and of presets of several.

To add a transform, write its function in a module of `picture` or `sound` and enter it here.
"""

from collections.abc import Mapping
from functools import partial

from avfake.augment.picture import codecs, cutouts, geometry, pixels
from avfake.augment.picture.geometry import BICUBIC, BILINEAR, BOX, NEAREST
from avfake.augment.sound import audio_codec, channel, noise
from avfake.augment.transform import (
    Transform,
    first_of,
    has_faces,
    has_points,
    has_sound,
    one_of,
    transform,
    uniform_and_seed,
)

Chain = tuple[Transform, ...]

on_picture = partial(transform, fits=has_faces)
on_face = partial(transform, fits=has_points)
on_sound = partial(transform, fits=has_sound)

_PICTURE_TRANSFORMS: Mapping[str, Transform] = {
    "jpeg": on_picture(codecs.jpeg, draw=codecs.draw_quality, quality=(60, 100)),
    "video_codec": on_picture(
        codecs.video_codec,
        draw=codecs.draw_coding,
        crf=(17.0, 40.0),
        share=(0.25, 1.0),
        share_probability=0.5,
    ),
    "landmark_cutout": on_face(cutouts.landmark_cutout, 0.7, draw=cutouts.draw_part),
    "half_face_cutout": on_face(
        cutouts.half_face_cutout,
        0.2,
        draw=cutouts.draw_half,
        needs_partner=True,
        halves=cutouts.HALVES,
        masks_of=cutouts.half_faces,
    ),
    "bitmap_cutout": on_picture(
        cutouts.bitmap_cutout,
        0.1,
        draw=cutouts.draw_half,
        needs_partner=True,
        halves=cutouts.BITMAPS,
        masks_of=cutouts.half_crops,
    ),
    "random_erasing": on_picture(
        cutouts.random_erasing, 0.25, draw=cutouts.draw_box, area=(0.02, 0.2), max_aspect=3.0
    ),
    "flip": on_picture(geometry.flip),
    "shift_scale_rotate": on_picture(
        geometry.shift_scale_rotate,
        right=(-0.1, 0.1),
        down=(-0.1, 0.1),
        turn_degrees=(-10.0, 10.0),
        scale=(0.8, 1.2),
    ),
    "rescale": on_picture(
        geometry.rescale,
        1.0,
        draw=geometry.draw_scaling,
        share=(0.5, 1.0),
        pairs=((BOX, BICUBIC), (BOX, BILINEAR), (BILINEAR, BILINEAR)),
    ),
    # Every remaining pixel is shown as a block.
    "downscale": on_picture(
        geometry.rescale,
        draw=geometry.draw_scaling,
        share=(0.25, 0.75),
        pairs=((NEAREST, NEAREST),),
    ),
    "brightness_contrast": on_picture(
        pixels.brightness_contrast, contrast=(-0.2, 0.2), brightness=(-0.2, 0.2)
    ),
    "gamma": on_picture(pixels.gamma, draw=pixels.draw_exponent, max_ratio=1.4),
    "hue_saturation": on_picture(
        pixels.hue_saturation, degrees=(-30.0, 30.0), saturation=(-0.3, 0.3), value=(-0.1, 0.1)
    ),
    "grey": on_picture(pixels.grey),
    "fancy_pca": on_picture(pixels.fancy_pca, draw=pixels.draw_shift, deviation=0.1),
    "gaussian_noise": on_picture(
        pixels.gaussian_noise, draw=uniform_and_seed, variance=(10.0, 50.0)
    ),
    # 0.8 is about the largest of a kernel of 3 px.
    "blur": on_picture(pixels.blur, deviation_px=(0.3, 0.8)),
    "sharpen": on_picture(pixels.sharpen, amount=(0.2, 1.0)),
    "moire": on_picture(
        pixels.moire, 0.3, draw=pixels.draw_stripes, num_waves=(8.0, 60.0), depth=(0.02, 0.12)
    ),
}
"""Name -> transform of the picture."""

_SOUND_TRANSFORMS: Mapping[str, Transform] = {
    "audio_codec": on_sound(
        audio_codec.audio_codec, draw=audio_codec.draw_codec, codecs=tuple(audio_codec.ENCODERS)
    ),
    "band_limit": on_sound(channel.band_limit, low_hz=(20.0, 400.0), high_hz=(3_000.0, 7_500.0)),
    "gain": on_sound(channel.gain, decibels=(-12.0, 6.0)),
    "clipping": on_sound(channel.clipping, 0.2, share=(0.3, 0.9)),
    "polarity": on_sound(channel.polarity),
    "time_mask": on_sound(channel.time_mask, share=(0.0, 0.1), place=(0.0, 1.0)),
    "frequency_mask": on_sound(
        channel.frequency_mask, draw=channel.draw_band, max_width_hz=1_000.0
    ),
    "reverb": on_sound(
        channel.reverb, draw=uniform_and_seed, rt60_seconds=(0.1, 0.8), direct_db=(0.0, 15.0)
    ),
    "speed": on_sound(channel.speed, 0.3, ratio=(0.95, 1.05)),
    "noise": on_sound(noise.noise, draw=noise.draw_noise, snr_db=(5.0, 40.0)),
    "convolutive_noise": on_sound(
        noise.convolutive_noise, draw=noise.draw_powers, num_powers=5, loss_db=(5.0, 20.0)
    ),
    "impulsive_noise": on_sound(noise.impulsive_noise, draw=uniform_and_seed, share=(0.0, 0.1)),
    "stationary_noise": on_sound(noise.stationary_noise, draw=noise.draw_hum, snr_db=(10.0, 40.0)),
}
"""Name -> transform of the sound."""

# First place of the DFDC (Seferbekov). The cut-outs come first; where the first
# is not drawn, the second may be, and so on. Its resize to the size of the network is a scaling
# down and up here, as prepared crops are of one size already.
WINNER: Chain = (
    first_of(
        _PICTURE_TRANSFORMS["landmark_cutout"],
        _PICTURE_TRANSFORMS["half_face_cutout"],
        _PICTURE_TRANSFORMS["bitmap_cutout"],
    ),
    _PICTURE_TRANSFORMS["jpeg"],
    _PICTURE_TRANSFORMS["gaussian_noise"].but(0.1),
    _PICTURE_TRANSFORMS["blur"].but(0.05),
    _PICTURE_TRANSFORMS["flip"],
    _PICTURE_TRANSFORMS["rescale"],
    one_of(
        0.7,
        _PICTURE_TRANSFORMS["brightness_contrast"],
        _PICTURE_TRANSFORMS["fancy_pca"],
        _PICTURE_TRANSFORMS["hue_saturation"],
    ),
    _PICTURE_TRANSFORMS["grey"].but(0.2),
    _PICTURE_TRANSFORMS["shift_scale_rotate"],
)

# 69th place of the DFDC; the write-up does not say how often the two coarse ones are done.
GGD: Chain = (
    _PICTURE_TRANSFORMS["flip"],
    _PICTURE_TRANSFORMS["downscale"],
    _PICTURE_TRANSFORMS["jpeg"].but(quality=(8, 30)),
)

# 41st place of the DFDC; the write-up does not name the kinds of its "mild" changes.
POL: Chain = (
    _PICTURE_TRANSFORMS["downscale"].but(share=(0.5, 0.5)),
    _PICTURE_TRANSFORMS["flip"],
    one_of(
        0.5,
        _PICTURE_TRANSFORMS["brightness_contrast"].but(
            contrast=(-0.1, 0.1), brightness=(-0.1, 0.1)
        ),
        _PICTURE_TRANSFORMS["hue_saturation"].but(
            degrees=(-10.0, 10.0), saturation=(-0.15, 0.15), value=(-0.05, 0.05)
        ),
        _PICTURE_TRANSFORMS["gaussian_noise"].but(variance=(2.0, 20.0)),
    ),
    _PICTURE_TRANSFORMS["jpeg"].but(quality=(50, 99)),
)

# A screen filmed by a hand-held camera.
DEVICE: Chain = (
    _PICTURE_TRANSFORMS["moire"],
    _PICTURE_TRANSFORMS["gamma"],
    _PICTURE_TRANSFORMS["blur"].but(0.3, deviation_px=(0.5, 1.5)),
    _PICTURE_TRANSFORMS["sharpen"].but(0.3),
    _PICTURE_TRANSFORMS["gaussian_noise"].but(0.3),
)

PICTURE: Mapping[str, Chain] = {
    **{name: (one,) for name, one in _PICTURE_TRANSFORMS.items()},
    "winner": WINNER,
    "ggd": GGD,
    "pol": POL,
    "codec": (_PICTURE_TRANSFORMS["video_codec"],),
    "device": DEVICE,
    "cutouts": WINNER[:1],
}
"""Name -> transforms of the picture."""

SOUND: Mapping[str, Chain] = {
    **{name: (one,) for name, one in _SOUND_TRANSFORMS.items()},
    "codec": (_SOUND_TRANSFORMS["audio_codec"],),
    "telephone": (
        _SOUND_TRANSFORMS["band_limit"].but(0.3, low_hz=(250.0, 350.0), high_hz=(3_300.0, 3_600.0)),
        _SOUND_TRANSFORMS["audio_codec"].but(0.3, codecs=("alaw", "mulaw")),
    ),
    "reverberant": (_SOUND_TRANSFORMS["reverb"], _SOUND_TRANSFORMS["noise"]),
    # A reshared file: coded again, of narrow band, with echoes or noise. Most files are unchanged.
    "reshared": (
        _SOUND_TRANSFORMS["band_limit"].but(0.05),
        _SOUND_TRANSFORMS["reverb"].but(0.05),
        _SOUND_TRANSFORMS["noise"].but(0.15, snr_db=(15.0, 40.0)),
        _SOUND_TRANSFORMS["audio_codec"].but(0.2),
    ),
    # Degradations as in "reshared", exactly one for every file.
    "degraded": (
        one_of(
            1.0,
            _SOUND_TRANSFORMS["audio_codec"],
            _SOUND_TRANSFORMS["audio_codec"].but(codecs=("mp3", "opus")),
            _SOUND_TRANSFORMS["noise"].but(snr_db=(15.0, 35.0)),
            _SOUND_TRANSFORMS["reverb"],
        ),
    ),
    "specaugment": (_SOUND_TRANSFORMS["time_mask"], _SOUND_TRANSFORMS["frequency_mask"]),
    "rawboost": (
        _SOUND_TRANSFORMS["convolutive_noise"],
        _SOUND_TRANSFORMS["impulsive_noise"],
        _SOUND_TRANSFORMS["stationary_noise"],
    ),
    "level": (
        _SOUND_TRANSFORMS["gain"],
        _SOUND_TRANSFORMS["polarity"],
        _SOUND_TRANSFORMS["clipping"].but(0.1),
    ),
}
"""Name -> transforms of the sound."""
