"""The three networks of MTCNN, run for speed on a CPU.

Weights and structure are those of facenet-pytorch. What differs is the order of axes in memory
(channels last), and how maxima are taken: PyTorch's pooling took half of the first network's time.
"""

from typing import Any

import torch
from torch.nn import functional as F

from avfake.faces.networks import Networks


class Stages:
    """P-Net, R-Net and O-Net (Zhang et al. 2016, figure 2)."""

    def __init__(self, networks: Networks) -> None:
        """networks: of which the weights are used."""
        self._pnet, self._rnet, self._onet = networks.pnet, networks.rnet, networks.onet
        every: tuple[Any, ...] = (self._pnet, self._rnet, self._onet)
        for network in every:
            network.to(memory_format=torch.channels_last)

    def propose(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return confidences [N, h, w] and shifts [N, h, w, 4] of windows of 12 px, 2 px apart.

        pictures: float32 [N, 3, H, W], at least 12 px high and wide.
        """
        net = self._pnet
        x = halved(net.prelu1(net.conv1(pictures)))
        x = net.prelu3(net.conv3(net.prelu2(net.conv2(x)))).permute(0, 2, 3, 1)
        heads = (net.conv4_1, net.conv4_2)
        head = torch.cat([one.weight for one in heads]).flatten(1)
        bias = torch.cat([one.bias for one in heads if one.bias is not None])
        found = F.linear(x, head, bias)
        return torch.sigmoid(found[..., 1] - found[..., 0]), found[..., 2:]

    def assess(self, pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Return confidences [K], shifts [K, 4] and points [K, 2, 5], x then y, as shares of a box.

        pictures: float32 [K, 3, 24, 24], for which the second network finds no points (NaN), or
        [K, 3, 48, 48] for the third.
        """
        if pictures.shape[2] == 24:
            shifts, both = self._rnet(pictures)
            points = shifts.new_full((len(shifts), 10), torch.nan)
        else:
            shifts, points, both = self._onet(pictures)
        return both[:, 1], shifts, points.view(-1, 2, 5)


def halved(x: torch.Tensor) -> torch.Tensor:
    """Return the maxima of blocks of 2 by 2, [N, C, H, W] -> [N, C, ceil(H / 2), ceil(W / 2)]."""
    height, width = x.shape[2:]
    if height % 2 or width % 2:  # doubling the last row or column changes no maximum
        x = F.pad(x, (0, width % 2, 0, height % 2), mode="replicate")
    rows = torch.maximum(x[:, :, ::2], x[:, :, 1::2])
    return torch.maximum(rows[:, :, :, ::2], rows[:, :, :, 1::2])
