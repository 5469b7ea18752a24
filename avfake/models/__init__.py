"""Batch of face crops and sound windows -> logits and embeddings. Tensors only.

The keys and shapes of a batch are in docs/architecture.md.
"""

from avfake.models.audio import AudioBranch, AudioConfig
from avfake.models.av_model import AVModel, ModelConfig, build_model
from avfake.models.branch import BranchOutput
from avfake.models.frozen import Frozen
from avfake.models.fusion import FUSIONS, FusionConfig
from avfake.models.hiding import HiddenCells, is_plain
from avfake.models.inference import runtime_of
from avfake.models.int8 import has_int8_products
from avfake.models.outputs import ModelOutput, sync_contrast
from avfake.models.sync import SyncConfig
from avfake.models.visual import VisualBranch, VisualConfig

__all__ = [
    "AVModel",
    "AudioBranch",
    "AudioConfig",
    "BranchOutput",
    "FUSIONS",
    "Frozen",
    "FusionConfig",
    "HiddenCells",
    "ModelConfig",
    "ModelOutput",
    "SyncConfig",
    "VisualBranch",
    "VisualConfig",
    "build_model",
    "has_int8_products",
    "is_plain",
    "runtime_of",
    "sync_contrast",
]
