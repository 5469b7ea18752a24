"""Sound windows -> evidence of a forged voice.

Each window becomes a log spectrogram, passes an image network as a one-channel picture and gets its
own logit; a clip is the attention-pooled sum of its windows.
A speech encoder, and statistics of the voice, read the window itself.
References: He et al. 2016, ResNet; residual networks over log spectrograms are the standing
baseline of the ASVspoof challenges.
sound float32 [B, W, N], mask [B, W] -> `BranchOutput` with its N = W and embedding [B, 256].
Parameters: 5.1 M with the default resnet10t (its features 4.9 M).
"""

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from avfake.errors import check_ranges
from avfake.models.backbone import load_backbone
from avfake.models.branch import Branch, check_backbone_settings, check_encoder
from avfake.models.frozen import Frozen
from avfake.models.pretrained import HUB
from avfake.models.spectrogram import LogSpectrogram, SpectrogramConfig, mask_bands_and_times
from avfake.models.speech_encoder import SPEECH, speech_backbone
from avfake.models.voice_statistics import VoiceStatistics

MAX_WINDOWS = 16
"""Windows of which statistics and spectrograms are in memory at once outside training."""


@dataclass(frozen=True)
class AudioConfig:
    """Network of the sound windows."""

    backbone: str = "resnet10t"
    """A convolutional network of timm. A training step of the default takes half the time of
    tf_efficientnet_b0 (CPU, float32; a third in bfloat16). Or whisper_base, a speech encoder;
    nothing is masked for it."""
    weights: str = HUB
    """Where the backbone starts, as `VisualConfig.weights`; of whisper: whisper-base, or a file."""
    layers: tuple[int, ...] = ()
    """Layers whose pooled states are the features, as `VisualConfig.layers`; of whisper 0 is what
    comes before its six layers."""
    tune: Literal["all", "norm", "none"] = "all"
    """Weights of the backbone that are trained, as `VisualConfig.tune`."""
    statistics: bool = False
    """Give the embedding statistics of the window beside the features (`models.voice_statistics`);
    `spectrogram` decides over their bands."""
    spectrogram: SpectrogramConfig = field(default_factory=SpectrogramConfig)
    embedding_dim: int = 256
    dropout: float = 0.2
    """Before the embedding, 0 to 1."""
    head: Literal["plain", "standardised", "bn_mlp"] = "plain"
    """From features to embedding, as `VisualConfig.head`."""
    drop_path: float = 0.0
    """Share of residual blocks left out at random in training, 0 to 1; 0 for networks without."""
    mask_bands: int = 12
    """Highest stripe of bands hidden in training (two a window); 0 = none."""
    mask_times: int = 24
    """Widest stripe of spectra hidden in training (two a window); 0 = none."""

    def __post_init__(self) -> None:
        check_backbone_settings("audio", self)
        check_encoder("audio", self)
        bands = f"[0, {self.spectrogram.num_bands})"
        check_ranges(self, "audio", mask_bands=bands, mask_times="[0, inf)")


class AudioBranch(Branch):
    """Sound in, window logits and a clip embedding out."""

    config: AudioConfig

    def __init__(
        self, config: AudioConfig, frozen: Frozen | None = None, *, empty: bool = False
    ) -> None:
        """
        Args:
            frozen: the backbone of another model, to share
            empty: as of `load_backbone`
        """
        if config.backbone == SPEECH:
            layers = config.layers or (2,)
            backbone = speech_backbone(
                config.weights, layers, tune=config.tune, shared=frozen, empty=empty
            )
        else:
            backbone = load_backbone(
                config.backbone,
                weights=config.weights,
                channels=1,
                drop_path=config.drop_path,
                layers=config.layers,
                tune=config.tune,
                shared=frozen,
                empty=empty,
            )
        statistics = VoiceStatistics(config.spectrogram) if config.statistics else None
        super().__init__(config, backbone, statistics.feature_dim if statistics else 0)
        self.spectrogram = LogSpectrogram(config.spectrogram)
        self.statistics = statistics

    def features(self, sound: Tensor) -> Tensor:
        """Windows [M, N], mono at the sample rate of the config -> [M, feature_dim]"""
        if not self.training and len(sound) > MAX_WINDOWS:
            return torch.cat([self.features(part) for part in sound.split(MAX_WINDOWS)])
        config, items = self.config, sound
        if config.backbone != SPEECH:
            items = self.spectrogram(sound)  # [M, 1, bands, time]
            if self.training:
                bands, times = config.mask_bands, config.mask_times
                items = mask_bands_and_times(items, bands=bands, times=times)
        features = self.encode_items(items)
        if self.statistics is None:
            return features
        return torch.cat([features, self.statistics(sound)], dim=1)
