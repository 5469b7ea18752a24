"""Log spectrograms to how much each cepstral coefficient moves: a voice without a deep network.

Vocoders and acoustic models smooth what they make: over time, and from one band to the next. The
deviation of the cepstral coefficients, and that of their steps from one spectrum to the next, over
the louder spectra of a window, show it; a linear layer over them learns from some hundred voices,
which a network from random weights does not (recipes/README.md).
References: Sahidullah, Kinnunen & Hanilci 2015, linear-frequency cepstra and their differences
against synthetic speech; Snyder et al. 2018, pooling of statistics over time.
[M, 1, bands, times] -> [M, 2 * num_coefficients]. No parameters but those of batch normalisation.
"""

import math

import torch
from torch import Tensor, nn

from avfake.models.backbone import Backbone
from avfake.models.standardise import Standardise

CEPSTRAL = "cepstral_statistics"
"""Its name among the backbones of sound."""
MAX_COEFFICIENTS = 40
LOUD_SHARE = 0.6
"""Of the spectra of a window, the loudest: pauses differ by room and by cut, not by voice."""
FLOOR = 1e-6
"""Below any variance of speech; of a window without change, the logarithm stays finite."""


class CepstralStatistics(nn.Module):
    """Log deviations of cepstral coefficients and of their steps, normalised over the batches."""

    basis: Tensor

    def __init__(self, num_bands: int) -> None:
        super().__init__()
        self.num_coefficients = min(MAX_COEFFICIENTS, num_bands)
        self.feature_dim = 2 * self.num_coefficients
        self.register_buffer("basis", cosine_basis(num_bands, self.num_coefficients))
        self.standardise = Standardise(self.feature_dim)

    def forward(self, pictures: Tensor) -> Tensor:
        """
        Args:
            pictures: [M, 1, bands, times] log spectrograms; 3 times or more
        """
        features: Tensor = self.standardise(self.deviations(pictures.squeeze(1).float()))
        return features

    def deviations(self, pictures: Tensor) -> Tensor:
        """[M, bands, times] -> [M, 2 * num_coefficients] natural logarithms."""
        level = pictures.mean(dim=1)  # [M, times]
        loud = (level >= level.quantile(1 - LOUD_SHARE, dim=1, keepdim=True)).to(pictures)
        cepstra = self.basis @ pictures  # [M, K, times]
        weights = loud.unsqueeze(1)
        mean = _average(cepstra, weights).unsqueeze(2)
        spread = _average((cepstra - mean) ** 2, weights)
        steps = _average(cepstra.diff(dim=2) ** 2, weights[..., 1:] * weights[..., :-1])
        return 0.5 * (torch.cat([spread, steps], dim=1) + FLOOR).log()


def cepstral_backbone(num_bands: int) -> Backbone:
    """As timm's networks come."""
    network = CepstralStatistics(num_bands)
    return Backbone(network, network.feature_dim, (0.0,), (1.0,), pretrained_used=False)


def cosine_basis(num_bands: int, num_coefficients: int) -> Tensor:
    """float32 [num_coefficients, num_bands], orthonormal rows: the discrete cosine transform II."""
    bands = torch.arange(num_bands, dtype=torch.float64) + 0.5
    orders = torch.arange(num_coefficients, dtype=torch.float64).unsqueeze(1)
    basis = math.sqrt(2 / num_bands) * torch.cos(math.pi / num_bands * orders * bands)
    basis[0] /= math.sqrt(2)
    return basis.float()


def _average(values: Tensor, weights: Tensor) -> Tensor:
    """Over time: [M, K, times] with weights [M, 1, times] -> [M, K]; 0 where nothing weighs."""
    return (values * weights).sum(dim=2) / weights.sum(dim=2).clamp(min=1)
