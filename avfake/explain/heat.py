"""Heat maps of face crops: gradient times activation of a network's last feature map.

HiResCAM (Draelos & Carin 2020), which equals Grad-CAM (Selvaraju et al. 2017) where the map is
averaged before a linear head, and unlike it never shows a place that the network did not use.
Gradients and activations come from captum.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avfake.models import VisualBranch


class _CropLogit(nn.Module):
    """[M, 3, s, s] normalised pictures -> [M] logits of a forged face, by way of `last_map`."""

    def __init__(self, branch: VisualBranch) -> None:
        super().__init__()
        self.network: Any = branch.backbone
        self.encoder = branch.encoder
        self.last_map = nn.Identity()

    def forward(self, pictures: Tensor) -> Tensor:
        features = self.last_map(self.network.forward_features(pictures))
        items = self.encoder.project(self.network.forward_head(features)).float()
        logits: Tensor = self.encoder.item_logit(items).squeeze(-1)
        return logits


def face_heat(branch: VisualBranch, faces: Tensor) -> Tensor:
    """[M, S, S] float32, 0 and up: where in each crop the branch sees evidence of a forgery.

    Any network of timm that has a feature map or tokens in a square. As coarse as its last map.

    Args:
        faces: [M, 3, S, S] uint8, on the device of the branch
    """
    from captum.attr import LayerGradientXActivation  # late: only explanations pay for it

    pictures = branch.normalise(faces)
    model = _CropLogit(branch).eval()
    layer: nn.Module = model.last_map
    with torch.no_grad():
        tokens = model.network.forward_features(pictures[:1]).ndim == 3
    if tokens:
        # The head may read the class token alone, which no longer looks at the others after the
        # last block: what it looked at is what came into that block.
        layer = model.network.blocks[-1].norm1
    product = LayerGradientXActivation(model, layer).attribute(pictures).detach()
    heat = _square(product, branch).relu()  # [M, h, w]
    heat = F.interpolate(
        heat[:, None].float(), faces.shape[-2:], mode="bilinear", align_corners=False
    )
    return heat[:, 0]


def _square(product: Tensor, branch: VisualBranch) -> Tensor:
    """Summed over channels: [M, C, h, w], [M, h, w, C] or [M, tokens, C] -> [M, h, w]."""
    if product.ndim == 3:
        prefix = getattr(branch.backbone, "num_prefix_tokens", 0)
        summed = product[:, prefix:].sum(dim=2)
        side = round(summed.shape[1] ** 0.5)
        return summed.reshape(len(summed), side, side)
    channels_first = product.shape[1] == branch.backbone.num_features
    return product.sum(dim=1 if channels_first else 3)
