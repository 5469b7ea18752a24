"""Face crops to how sharp each part of the face is at each scale, against the rest of the face.

Where a mouth is drawn anew, a head is driven by sound, or a face is laid over another, parts of it
come from other makers than their neighbours, and differ in fine and coarse texture. How sharp the
whole crop is, and how fine its texture is in general, is taken out: that tells cameras and codecs
apart. A linear layer over what remains learns from a hundred clips, which a network from random
weights does not (recipes/README.md).
References: Burt & Adelson 1983, band-pass pyramids; texture that differs within a face as a trace
of forgery: Matern, Riess & Stamminger 2019.
[M, 3, s, s] in 0..1 -> [M, 4 scales * 8 parts]. No parameters but those of batch normalisation.
"""

from functools import lru_cache
from itertools import pairwise

import torch
from torch import Tensor, nn

from avfake.errors import ConfigError
from avfake.models.backbone import Backbone
from avfake.models.standardise import Standardise

REGIONS = "region_statistics"
"""Its name among the backbones of the picture."""
PARTS = {
    "middle": (0.29, 0.71, 0.29, 0.71),
    "eyes": (0.33, 0.50, 0.26, 0.74),
    "nose": (0.47, 0.62, 0.40, 0.60),
    "mouth": (0.60, 0.78, 0.33, 0.67),
    "chin": (0.81, 0.99, 0.16, 0.83),
    "forehead": (0.02, 0.19, 0.16, 0.83),
    "left rim": (0.04, 0.96, 0.04, 0.16),
    "right rim": (0.04, 0.96, 0.84, 0.96),
}
"""Top, bottom, left and right, as shares of a crop with a margin of 30 %."""
SCALES = (1 / 192, 2 / 192, 4 / 192, 8 / 192)
"""Deviations of the blurs between which the bands lie, as shares of the side."""
FLOOR = 0.1
"""Grey levels (of 255) that count as no texture."""
_BRIGHTNESS = (0.299, 0.587, 0.114)


class RegionStatistics(nn.Module):
    """Log deviations of band-passed brightness in parts of the face, each against the others."""

    def __init__(self) -> None:
        super().__init__()
        self.feature_dim = len(SCALES) * len(PARTS)
        self.standardise = Standardise(self.feature_dim)

    def forward(self, pictures: Tensor) -> Tensor:
        """
        Args:
            pictures: [M, 3, s, s] in 0..1
        """
        sharpness = self.sharpness(pictures.float())
        whole = sharpness.mean(dim=(1, 2), keepdim=True)
        by_part, by_scale = sharpness.mean(1, keepdim=True), sharpness.mean(2, keepdim=True)
        features: Tensor = self.standardise((sharpness - by_part - by_scale + whole).flatten(1))
        return features

    def sharpness(self, pictures: Tensor) -> Tensor:
        """[M, scales, parts]: natural logarithms of grey levels."""
        weights = pictures.new_tensor(_BRIGHTNESS)
        grey = 255 * torch.einsum("mchw,c->mhw", pictures, weights)
        side = grey.shape[-1]
        blurs = [_blur_matrix(side, share * side).to(grey) for share in SCALES]
        blurred = [grey, *(blur @ grey @ blur.T for blur in blurs)]
        bands = torch.stack([one - next_ for one, next_ in pairwise(blurred)], dim=1)
        power = []
        for part in PARTS.values():
            top, bottom, left, right = (round(share * side) for share in part)
            power.append((bands[..., top:bottom, left:right] ** 2).mean(dim=(2, 3)))
        return 0.5 * (torch.stack(power, dim=2) + FLOOR**2).log()


def region_backbone(inputs: str) -> Backbone:
    """As timm's networks come; ConfigError unless it is to read colours."""
    if inputs != "colour":
        raise ConfigError(f"{REGIONS} reads visual.inputs colour, got {inputs!r}")
    network = RegionStatistics()
    plain = ((0.0,) * 3, (1.0,) * 3)
    return Backbone(network, network.feature_dim, *plain, pretrained_used=False)


@lru_cache(maxsize=32)
def _blur_matrix(side: int, deviation: float) -> Tensor:
    """[side, side]: times a column of pixels, the column blurred by a Gaussian; ends mirrored.

    Two products with it blur a picture, many times faster on a CPU than convolving one channel.
    """
    reach = min(round(3 * deviation) or 1, side - 1)
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / deviation) ** 2)
    rows = torch.arange(side).unsqueeze(1)
    read = (rows + torch.arange(-reach, reach + 1)).abs()  # mirrored at the start ...
    read = torch.where(read >= side, 2 * (side - 1) - read, read)  # ... and at the end
    matrix = torch.zeros(side, side)
    return matrix.scatter_add(1, read, (weights / weights.sum()).expand(side, -1))
