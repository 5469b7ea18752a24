"""A training sample in, the same sample as another camera, line or forger would have left it out.

Draw, then apply: a transform draws its parameters once for a clip and applies them to every frame
and window alike. `AugmentConfig` names them; `build_pipeline` gives what `ClipDataset` takes.
"""

from avfake.augment.config import AugmentConfig, ForgeConfig, MixConfig
from avfake.augment.mixing import MixingCollate
from avfake.augment.picture.colour import BrightnessContrast
from avfake.augment.picture.noise import GaussianNoise
from avfake.augment.picture.recapture import Moire, Stripes
from avfake.augment.picture.sharpness import GaussianBlur
from avfake.augment.pipeline import build_pipeline
from avfake.augment.sound.audio_codec import AudioCodec
from avfake.augment.sound.bands import BandLimit
from avfake.augment.sound.coloured_noise import ColouredNoise, Noise
from avfake.augment.sound.level import Gain
from avfake.augment.sound.reverb import Reverb, Room
from avfake.augment.transform import PictureTransform
from avfake.augment.whole import change_sound, draw_sound

__all__ = [
    "AudioCodec",
    "AugmentConfig",
    "BandLimit",
    "BrightnessContrast",
    "ColouredNoise",
    "ForgeConfig",
    "Gain",
    "GaussianBlur",
    "GaussianNoise",
    "MixConfig",
    "MixingCollate",
    "Moire",
    "Noise",
    "PictureTransform",
    "Reverb",
    "Room",
    "Stripes",
    "build_pipeline",
    "change_sound",
    "draw_sound",
]
