"""How much each cepstral coefficient moves.

Vocoders and acoustic models smooth what they make: over time, and from one band to the next. The
deviations of the cepstral coefficients, of their steps from one spectrum to the next, and of the
steps of these, over the louder spectra of a window, show it.
References: Sahidullah, Kinnunen & Hanilci 2015, linear-frequency cepstra and their differences
against synthetic speech; Snyder et al. 2018, pooling of statistics over time.
[M, N] -> [M, 3 * num_coefficients]. No parameters.
"""

import math

import torch
from torch import Tensor, nn

from avfake.models.spectrogram import LogSpectrogram, SpectrogramConfig
from avfake.models.voice_statistics.loud import average_over, loud_times

MAX_COEFFICIENTS = 40
FLOOR = 1e-6
"""Below any variance of speech; of a window without change, the logarithm stays finite."""


class CepstralMovement(nn.Module):
    """Logarithms of deviations of cepstral coefficients, their steps, and the steps of these."""

    basis: Tensor

    def __init__(self, config: SpectrogramConfig) -> None:
        super().__init__()
        self.spectrogram = LogSpectrogram(config)
        num_coefficients = min(MAX_COEFFICIENTS, config.num_bands)
        self.num_statistics = 3 * num_coefficients
        self.register_buffer("basis", cosine_basis(config.num_bands, num_coefficients))

    def forward(self, sound: Tensor) -> Tensor:
        return self.deviations(self.spectrogram(sound).squeeze(1))

    def deviations(self, pictures: Tensor) -> Tensor:
        """Log spectrograms [M, bands, times] -> [M, 3 * num_coefficients] natural logarithms."""
        cepstra = self.basis @ pictures  # [M, K, times]
        weights = loud_times(pictures.mean(dim=1)).unsqueeze(1).to(pictures)
        mean = average_over(cepstra, weights).unsqueeze(2)
        spread = average_over((cepstra - mean) ** 2, weights)
        pairs = weights[..., 1:] * weights[..., :-1]
        steps = average_over(cepstra.diff(dim=2) ** 2, pairs)
        bends = average_over(cepstra.diff(n=2, dim=2) ** 2, pairs[..., 1:] * pairs[..., :-1])
        return 0.5 * (torch.cat([spread, steps, bends], dim=1) + FLOOR).log()


def cosine_basis(num_bands: int, num_coefficients: int) -> Tensor:
    """float32 [num_coefficients, num_bands], orthonormal rows: the discrete cosine transform II."""
    bands = torch.arange(num_bands, dtype=torch.float64) + 0.5
    orders = torch.arange(num_coefficients, dtype=torch.float64).unsqueeze(1)
    basis = math.sqrt(2 / num_bands) * torch.cos(math.pi / num_bands * orders * bands)
    basis[0] /= math.sqrt(2)
    return basis.float()
