"""A batch of face crops and sound windows in, logits and embeddings out. Tensors only.

The keys and shapes of a batch stand in docs/architecture.md.
"""

from avfake.models.audio import AudioBranch, AudioConfig
from avfake.models.av_model import AVModel, ModelConfig, build_model
from avfake.models.fusion import FUSIONS, FusionConfig
from avfake.models.outputs import HEADS, ModelOutput
from avfake.models.spectrogram import SpectrogramConfig
from avfake.models.sync import MIN_CROPS, SyncBranch, SyncConfig
from avfake.models.sync_evidence import SyncOutput, entropy, sync_contrast
from avfake.models.visual import VisualBranch, VisualConfig

__all__ = [
    "FUSIONS",
    "HEADS",
    "MIN_CROPS",
    "AVModel",
    "AudioBranch",
    "AudioConfig",
    "FusionConfig",
    "ModelConfig",
    "ModelOutput",
    "SpectrogramConfig",
    "SyncBranch",
    "SyncConfig",
    "SyncOutput",
    "VisualBranch",
    "VisualConfig",
    "build_model",
    "entropy",
    "sync_contrast",
]
