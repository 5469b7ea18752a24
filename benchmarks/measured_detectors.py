"""The detectors that are measured: the one that ships, and EfficientNets with random weights."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from avfake.clips.config import ClipConfig
from avfake.clips.sample import InputSpec
from avfake.detector.bundle import Bundle
from avfake.detector.detector import Detector
from avfake.faces.cropping import CropConfig
from avfake.labels import DEFAULT
from avfake.models.audio import AudioConfig
from avfake.models.av_model import AVModel, ModelConfig, build_model
from avfake.models.frozen import Frozen
from avfake.models.visual import VisualConfig


@dataclass(frozen=True)
class Networks:
    """A detector of random weights: its answers mean nothing, their time is that of real ones."""

    backbone: str
    size_px: int
    audio: str = "resnet10t"
    num_frames: int = 32


RANDOM = {
    "b7": Networks("tf_efficientnet_b7", 380),
    "b0": Networks("tf_efficientnet_b0", 224),
    "small": Networks("test_efficientnet", 64, "test_resnet", num_frames=4),
}
"""Name -> networks, each with a CNN over mel spectrograms; "small" is for the test of the suite."""


@dataclass(frozen=True)
class Measured:
    """A detector, and its two networks as PyTorch modules of their own."""

    detector: Detector
    visual: nn.Module
    """[M, 3, S, S] normalised -> [M, F]"""
    audio: nn.Module
    """[M, 1, bands, time], or [M, N] samples -> [M, F]"""

    @property
    def bundle(self) -> Bundle:
        return self.detector.members[0]

    @property
    def reads_samples(self) -> bool:
        """Whether the audio network computes its own spectrogram."""
        return hasattr(self.audio, "encoder")


def load(name: str, out: Path) -> Measured:
    """Return a detector of `RANDOM`, by way of a folder in `out`, or the one that ships."""
    shipped = Detector.from_pretrained(DEFAULT, device="cpu")
    if name == DEFAULT:
        model = shipped.members[0].models[0]
        return Measured(shipped, network_of(model, "visual"), network_of(model, "audio"))
    wanted = RANDOM[name]
    torch.manual_seed(0)
    visual = VisualConfig(wanted.backbone, weights="none", size_px=wanted.size_px)
    model = build_model(ModelConfig(visual, AudioConfig(wanted.audio, weights="none"))).eval()
    settle(network_of(model, "visual"), torch.randn(4, 3, wanted.size_px // 2, wanted.size_px // 2))
    settle(network_of(model, "audio"), torch.randn(4, 1, 80, 201))
    crop = CropConfig(size_px=wanted.size_px)
    spec = InputSpec(clip=ClipConfig(num_frames=wanted.num_frames, crop=crop))
    # Any decision model takes the same time; that of the default detector is at hand.
    bundle = Bundle(name, spec, [model], shipped.members[0].decision_model)
    folder = out / f"detector_{name}"
    bundle.save(folder)
    detector = Detector.from_pretrained(folder, device="cpu")
    return Measured(detector, network_of(model, "visual"), network_of(model, "audio"))


def network_of(model: AVModel, branch: str) -> nn.Module:
    """Return the network of a branch, without normalisation and head."""
    one = getattr(model, branch)
    network = one.frozen or one.backbone
    return network.network if isinstance(network, Frozen) else network


def settle(network: nn.Module, items: torch.Tensor) -> None:
    """Set the running statistics of batch normalisation by a batch.

    With those of random weights signals shrink from layer to layer, down to numbers (denormals)
    that a processor multiplies slowly: the time would be that of no trained network.
    """
    torch.optim.swa_utils.update_bn([items], network)
    network.eval()
