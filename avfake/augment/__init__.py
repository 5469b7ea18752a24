"""A training sample in, the same sample as another camera, line or forger would have left it out.

Draw, then apply: a transform draws its parameters once for a clip and applies them to every frame
and window alike. `AugmentConfig` names them; `build_pipeline` gives what `ClipDataset` takes.
"""

from avfake.augment.config import AugmentConfig, ForgeConfig, MixConfig
from avfake.augment.forging import Forge, ForgeFace, ForgeVoice
from avfake.augment.mixing import MixingCollate, PairMixup, mix_batch
from avfake.augment.pipeline import Pipeline, build_pipeline
from avfake.augment.presets import PICTURE, SOUND
from avfake.augment.transform import FirstOf, OneOf, PictureTransform, SoundTransform, Transform
from avfake.augment.whole import change_sound, draw_sound

__all__ = [
    "PICTURE",
    "SOUND",
    "AugmentConfig",
    "FirstOf",
    "Forge",
    "ForgeConfig",
    "ForgeFace",
    "ForgeVoice",
    "MixConfig",
    "MixingCollate",
    "OneOf",
    "PairMixup",
    "PictureTransform",
    "Pipeline",
    "SoundTransform",
    "Transform",
    "build_pipeline",
    "change_sound",
    "draw_sound",
    "mix_batch",
]
