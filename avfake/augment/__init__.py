"""A training sample in, the same sample changed as another camera, channel or forger would.

Draw, then change: the parameters of a transform are drawn once for a clip and used for every frame
and window alike. `AugmentConfig` lists transforms by name; `build_pipeline` returns what
`ClipDataset` takes.
"""

from avfake.augment.config import AugmentConfig
from avfake.augment.mixing import MixingCollate
from avfake.augment.pipeline import build_pipeline, change_picture, change_sound

__all__ = [
    "AugmentConfig",
    "MixingCollate",
    "build_pipeline",
    "change_picture",
    "change_sound",
]
