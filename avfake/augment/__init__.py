"""A training sample in, the same sample changed as another camera, channel or forger would.

Draw, then apply: a transform draws its parameters once for a clip and applies them to every frame
and window alike. `AugmentConfig` lists them by name; `build_pipeline` returns what `ClipDataset`
takes.
"""

from avfake.augment.config import AugmentConfig, ForgeConfig, MixConfig
from avfake.augment.mixing import MixingCollate
from avfake.augment.pipeline import build_pipeline, change_picture, change_sound, draw_sound

__all__ = [
    "AugmentConfig",
    "ForgeConfig",
    "MixConfig",
    "MixingCollate",
    "build_pipeline",
    "change_picture",
    "change_sound",
    "draw_sound",
]
