"""Statistics to one scale: mean 0 and deviation 1 over what was trained on, none extreme."""

from torch import Tensor, nn

from avfake.models.branch import ItemNorm

MAX_DEVIATIONS = 4.0
"""Further from the mean a statistic says that a file is odd, and not how odd."""


class Standardise(nn.Module):
    """[M, F] -> [M, F] float32; by the batch in training, by running statistics after it."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.norm = ItemNorm(num_features, affine=False)

    def forward(self, statistics: Tensor) -> Tensor:
        normalised: Tensor = self.norm(statistics.float())
        return normalised.clamp(-MAX_DEVIATIONS, MAX_DEVIATIONS)
