"""Sound to what synthetic speech does otherwise than a mouth before a microphone, in numbers.

Three kinds of statistics of a window, none of which hears how loud it is; a linear layer over them
learns from some hundred voices, which a network from random weights does not (recipes/README.md).
[M, N] at 16 kHz -> [M, feature_dim]. No parameters but those of batch normalisation.
"""

import torch
from torch import Tensor, nn

from avfake.models.backbone import Backbone
from avfake.models.spectrogram import SpectrogramConfig
from avfake.models.standardise import Standardise
from avfake.models.voice_statistics.cepstra import CepstralMovement
from avfake.models.voice_statistics.fine_spectrum import FineSpectrum
from avfake.models.voice_statistics.periodicity import Periodicity

VOICE = "voice_statistics"
"""Its name among the backbones of sound."""
LEVEL = 0.07
"""Root mean square that every window is brought to, about that of speech whose peaks reach 0.5."""
QUIET = 1e-6
"""Root mean square below which a window is silence and stays it."""


class VoiceStatistics(nn.Module):
    """All statistics of a window, normalised over the batches."""

    def __init__(self, config: SpectrogramConfig) -> None:
        super().__init__()
        self.kinds = nn.ModuleList(
            [CepstralMovement(config), FineSpectrum(), Periodicity(config.sample_rate)]
        )
        self.feature_dim = sum(kind.num_statistics for kind in self.kinds)  # type: ignore[misc]
        self.standardise = Standardise(self.feature_dim)

    def forward(self, sound: Tensor) -> Tensor:
        """
        Args:
            sound: [M, N]
        """
        features: Tensor = self.standardise(self.statistics(sound))
        return features

    def statistics(self, sound: Tensor) -> Tensor:
        """[M, N] -> [M, feature_dim], each in its own unit."""
        # Powers span ten decades: half precision would round the quiet ones to nothing.
        with torch.autocast(sound.device.type, enabled=False):
            sound = sound.float()
            level = LEVEL * sound / (sound.square().mean(dim=1, keepdim=True) + QUIET**2).sqrt()
            return torch.cat([kind(level) for kind in self.kinds], dim=1)


def voice_backbone(config: SpectrogramConfig) -> Backbone:
    """As timm's networks come, but for reading samples."""
    network = VoiceStatistics(config)
    return Backbone(network, network.feature_dim, (0.0,), (1.0,), pretrained_used=False)


__all__ = ["VOICE", "VoiceStatistics", "voice_backbone"]
