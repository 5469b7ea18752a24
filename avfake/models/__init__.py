"""A batch of face crops and sound windows in, logits and embeddings out. Tensors only.

The keys and shapes of a batch stand in docs/architecture.md.
"""

from avfake.models.audio import AudioBranch, AudioConfig
from avfake.models.av_model import AVModel, ModelConfig, build_model
from avfake.models.fusion import FUSIONS
from avfake.models.fusion.config import FusionConfig
from avfake.models.outputs import ModelOutput
from avfake.models.spectrogram import SpectrogramConfig
from avfake.models.sync import MIN_CROPS, SyncConfig
from avfake.models.sync_evidence import entropy, sync_contrast
from avfake.models.visual import VisualBranch, VisualConfig

__all__ = [
    "AVModel",
    "AudioBranch",
    "AudioConfig",
    "FUSIONS",
    "FusionConfig",
    "MIN_CROPS",
    "ModelConfig",
    "ModelOutput",
    "SpectrogramConfig",
    "SyncConfig",
    "VisualBranch",
    "VisualConfig",
    "build_model",
    "entropy",
    "sync_contrast",
]
