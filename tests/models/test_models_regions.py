"""Sharpness of parts of a face: what is blurred shows, what all parts share does not."""

import math

import pytest
import torch
import torch.nn.functional as F
from torchvision.transforms.functional import gaussian_blur

from avfake.errors import ConfigError
from avfake.models import VisualBranch, VisualConfig
from avfake.models.regions import PARTS, SCALES, RegionStatistics, _blur_matrix

SIDE = 192
PLACE = {name: place for place, name in enumerate(PARTS)}


def noise(seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.5 + 0.1 * torch.randn(1, 3, SIDE, SIDE, generator=generator)


def relative(pictures: torch.Tensor) -> torch.Tensor:
    """[scales, parts] before they are standardised, by the running mean 0 and deviation 1."""
    network = RegionStatistics().eval()
    return network(pictures).reshape(len(SCALES), len(PARTS))


def test_twice_the_contrast_is_twice_the_sharpness_everywhere() -> None:
    once = RegionStatistics().sharpness(noise())
    twice = RegionStatistics().sharpness(0.5 + 2 * (noise() - 0.5))
    assert torch.allclose(twice - once, torch.full_like(once, math.log(2)), atol=1e-2)


def test_what_all_parts_share_is_taken_out() -> None:
    sharper = relative(0.5 + 2 * (noise() - 0.5))
    assert torch.allclose(relative(noise()), sharper, atol=0.05)


def test_a_blurred_mouth_lacks_fine_texture_against_the_rest() -> None:
    sharp, blurred = noise(), noise()
    top, bottom, left, right = (round(share * SIDE) for share in PARTS["mouth"])
    smooth = F.avg_pool2d(blurred, 5, stride=1, padding=2)
    blurred[..., top:bottom, left:right] = smooth[..., top:bottom, left:right]
    change = relative(blurred) - relative(sharp)
    assert change[0].argmin() == PLACE["mouth"]  # the finest scale
    assert change[0, PLACE["mouth"]] < -0.5


def test_the_matrix_blurs_as_a_gaussian_does() -> None:
    picture = noise()[0, 0]
    matrix = _blur_matrix(SIDE, 4.0)
    expected = gaussian_blur(picture[None, None], [25, 25], [4.0, 4.0])[0, 0]
    assert torch.allclose(matrix @ picture @ matrix.T, expected, atol=1e-5)


def test_a_branch_of_statistics_learns_and_reads_colours_only() -> None:
    config = VisualConfig("region_statistics", size_px=96, embedding_dim=8)
    torch.manual_seed(0)
    branch = VisualBranch(config)
    faces = (255 * noise()).clamp(0, 255).to(torch.uint8).repeat(4, 1, 1, 1).view(2, 2, 3, 192, 192)
    branch(faces, torch.ones(2, 2, dtype=torch.bool)).item_logits.sum().backward()
    assert branch.encoder.project[1].weight.grad is not None
    assert not branch.pretrained_used
    with pytest.raises(ConfigError, match="reads visual.inputs colour"):
        VisualBranch(VisualConfig("region_statistics", inputs="residual"))
