"""Streams of evidence, any of which may be missing, to one set of fused features.

Every kind takes the same `Stream`s and gives the features that the overall head reads.
"""

from collections.abc import Mapping

from avfake.models.fusion.config import FusionConfig, FusionKind
from avfake.models.fusion.cross_attention import CrossAttentionFusion
from avfake.models.fusion.streams import Fusion, StateFusion, Stream, drop_one_modality
from avfake.models.fusion.vectors import BilinearFusion, ConcatFusion, GatedFusion, LateFusion

FUSIONS: dict[FusionKind, type[LateFusion] | type[StateFusion]] = {
    "gated": GatedFusion,
    "concat": ConcatFusion,
    "cross_attention": CrossAttentionFusion,
    "bilinear": BilinearFusion,
    "late": LateFusion,
}


def build_fusion(config: FusionConfig, dims: Mapping[str, int]) -> Fusion:
    """The fusion named in the config, over the streams that the model has: name -> dimension."""
    return FUSIONS[config.kind](dims, config)


__all__ = [
    "FUSIONS",
    "Fusion",
    "FusionConfig",
    "FusionKind",
    "Stream",
    "build_fusion",
    "drop_one_modality",
]
