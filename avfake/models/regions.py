"""Statistics of how the parts of a face differ: sharpness, left and right, colours.

Where a mouth is generated, a head is driven by sound, or a face is laid over another, parts of it
have another origin than their neighbours, and differ in fine and coarse texture; halves that a
camera shows alike differ; and the noise of the colour channels, which is correlated in a camera, is
correlated differently. Sharpness, fineness of texture and correlation of the whole crop are
subtracted: they depend on camera and codec. A linear layer over what remains learns from a hundred
clips, which a network from random weights does not (recipes/README.md).
References: Burt & Adelson 1983, band-pass pyramids; texture that differs within a face, and
between its halves, as a trace of forgery: Matern, Riess & Stamminger 2019; traces in the relations
of colour channels: Li, Li, Tan & Huang 2020.
[M, 3, s, s] in 0..1 -> [M, 84]. No parameters but those of batch normalisation.
"""

from functools import lru_cache
from itertools import pairwise

import torch
from torch import Tensor, nn

from avfake.errors import ConfigError
from avfake.models.backbone import Backbone
from avfake.models.branch import Standardise

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
"""Deviations of the blurs whose differences are the bands, as shares of the side."""
FLOOR = 0.1
"""Grey levels (of 255) that count as no texture."""
BRIGHTNESS = (0.299, 0.587, 0.114)
_PAIRS = ((0, 1), (0, 2), (1, 2))
"""Of the channels red, green and blue."""
Box = tuple[int, ...]
"""Top, bottom, left and right in pixels."""


class RegionStatistics(nn.Module):
    """Sharpness of the parts and correlation of their channels, relative to the rest of the face,
    and the difference of the halves."""

    def __init__(self) -> None:
        super().__init__()
        halves = len(PARTS) - 1  # the rims are one pair
        self.feature_dim = len(SCALES) * (len(PARTS) + halves) + len(_PAIRS) * len(PARTS)
        self.standardise = Standardise(self.feature_dim)

    def forward(self, pictures: Tensor) -> Tensor:
        """Return features [M, feature_dim] of pictures [M, 3, s, s] in 0..1."""
        colours = 255 * pictures.float()
        grey = torch.einsum("mchw,c->mhw", colours, colours.new_tensor(BRIGHTNESS))
        bands = between_blurs(grey, SCALES)
        parts, lefts = boxes_of_parts(grey.shape[-1]), boxes_of_halves(grey.shape[-1])
        rights = [mirrored(box, grey.shape[-1]) for box in lefts]
        differ = (sharpness(bands, lefts) - sharpness(bands, rights)).abs()
        found = [centred(sharpness(bands, parts)), differ, centred(agreement(colours, parts))]
        features: Tensor = self.standardise(torch.cat([one.flatten(1) for one in found], dim=1))
        return features


def sharpness(bands: Tensor, boxes: list[Box]) -> Tensor:
    """[M, scales, s, s] -> [M, scales, boxes]: natural logarithms of grey levels."""
    power = [
        (bands[..., top:bottom, left:right] ** 2).mean(dim=(2, 3))
        for top, bottom, left, right in boxes
    ]
    return 0.5 * (torch.stack(power, dim=2) + FLOOR**2).log()


def agreement(colours: Tensor, boxes: list[Box]) -> Tensor:
    """[M, 3, s, s] -> [M, pairs of channels, boxes]: correlation of their finest texture."""
    fine = between_blurs(colours, SCALES[:1]).squeeze(1)
    found = []
    for top, bottom, left, right in boxes:
        part = fine[..., top:bottom, left:right].flatten(2)  # [M, 3, pixels]
        part = part - part.mean(dim=2, keepdim=True)
        power = part.square().mean(dim=2)
        products = [(part[:, i] * part[:, j]).mean(dim=1) for i, j in _PAIRS]
        sizes = [(power[:, i] * power[:, j] + FLOOR**2).sqrt() for i, j in _PAIRS]
        found.append(torch.stack(products, dim=1) / torch.stack(sizes, dim=1))
    return torch.stack(found, dim=2)


def centred(values: Tensor) -> Tensor:
    """Subtract from [M, K, boxes] the means over boxes and over K."""
    whole = values.mean(dim=(1, 2), keepdim=True)
    return values - values.mean(1, keepdim=True) - values.mean(2, keepdim=True) + whole


def between_blurs(pictures: Tensor, scales: tuple[float, ...]) -> Tensor:
    """[M, ..., s, s] -> [M, scales, ..., s, s]: the difference of each blur from the one before."""
    side = pictures.shape[-1]
    blurs = [_blur_matrix(side, share * side).to(pictures) for share in scales]
    blurred = [pictures, *(blur @ pictures @ blur.T for blur in blurs)]
    return torch.stack([one - next_ for one, next_ in pairwise(blurred)], dim=1)


def boxes_of_parts(side: int) -> list[Box]:
    """Return the boxes of `PARTS` in a crop of that side."""
    return [tuple(round(share * side) for share in part) for part in PARTS.values()]


def boxes_of_halves(side: int) -> list[Box]:
    """Return left halves of the parts in the middle, and the left rim."""
    *middle, rim, _ = boxes_of_parts(side)
    return [(top, bottom, left, (left + right) // 2) for top, bottom, left, right in middle] + [rim]


def mirrored(box: Box, side: int) -> Box:
    """Return the box's counterpart on the other side of the face."""
    top, bottom, left, right = box
    return top, bottom, side - right, side - left


def region_backbone(inputs: str) -> Backbone:
    """Return the statistics as a backbone; ConfigError unless it is to read colours."""
    if inputs != "colour":
        raise ConfigError(f"{REGIONS} reads visual.inputs colour, got {inputs!r}")
    network = RegionStatistics()
    return Backbone(network, network.feature_dim)


@lru_cache(maxsize=32)
def _blur_matrix(side: int, deviation: float) -> Tensor:
    """Return the matrix [side, side] that blurs a column of pixels by a Gaussian; ends mirrored.

    Two products with it blur a picture, many times faster on a CPU than convolving one channel.
    """
    reach = min(round(3 * deviation) or 1, side - 1)
    weights = torch.exp(-0.5 * (torch.arange(-reach, reach + 1) / deviation) ** 2)
    rows = torch.arange(side).unsqueeze(1)
    read = (rows + torch.arange(-reach, reach + 1)).abs()  # mirrored at the start ...
    read = torch.where(read >= side, 2 * (side - 1) - read, read)  # ... and at the end
    matrix = torch.zeros(side, side)
    return matrix.scatter_add(1, read, (weights / weights.sum()).expand(side, -1))
