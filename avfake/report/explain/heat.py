"""Heat maps of face crops: how much less forged a crop seems when a part of it is blurred.

Occlusion (Zeiler & Fergus 2014, through captum), under a blur instead of grey: a grey square is
an artefact of its own, a blur removes detail. The network is a black box, so that any will do.
docs/evaluation.md has the measurement, and the methods that were compared.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.transforms.functional import gaussian_blur

from avfake.environment import require
from avfake.models import VisualBranch

CELLS = 8
"""Parts along a side, each hidden in turn; time rises with the square."""
BLUR_SHARE = 1 / 14
"""Deviation of the blur as a share of the side."""


class CropLogit(nn.Module):
    """[M, 3, s, s] normalised pictures -> [M] logits of a forged face."""

    def __init__(self, branch: VisualBranch) -> None:
        super().__init__()
        self.backbone, self.encoder = branch.backbone, branch.encoder

    def forward(self, pictures: Tensor) -> Tensor:
        items = self.encoder.project(self.backbone(pictures)).float()
        logits: Tensor = self.encoder.item_logit(items).squeeze(-1)
        return logits


def face_heat(branch: VisualBranch, faces: Tensor) -> Tensor:
    """Return [M, S, S] float32, 0 and up: what the logit of each crop loses without a part of it.

    Args:
        faces: [M, 3, S, S] uint8, on the device of the branch
    """
    pictures = branch.normalise(faces)
    side = pictures.shape[-1]
    cell = -(-side // CELLS)
    deviation = side * BLUR_SHARE
    reach = 2 * round(2 * deviation) + 1
    with torch.no_grad():
        lost = (
            require("captum.attr", "report")
            .Occlusion(CropLogit(branch).eval())
            .attribute(
                pictures,
                sliding_window_shapes=(pictures.shape[1], cell, cell),
                strides=(pictures.shape[1], cell, cell),
                baselines=gaussian_blur(pictures, [reach, reach], [deviation, deviation]),
            )
        )
    # All pixels of a cell, of every channel, have the same value.
    cells = F.avg_pool2d(lost[:, :1].float(), cell, ceil_mode=True)  # [M, 1, h, w]
    heat = F.interpolate(cells, faces.shape[-2:], mode="bilinear", align_corners=False)
    return heat[:, 0].relu()
