"""Parts of a face: what differs between them shows, what all parts share does not."""

import math

import pytest
import torch
import torch.nn.functional as F
from torchvision.transforms.functional import gaussian_blur

from avfake.errors import ConfigError
from avfake.models.regions import (
    PARTS,
    SCALES,
    RegionStatistics,
    _blur_matrix,
    agreement,
    between_blurs,
    boxes_of_halves,
    boxes_of_parts,
    mirrored,
    sharpness,
)
from avfake.models.visual import VisualBranch, VisualConfig

SIDE = 192
PLACE = {name: place for place, name in enumerate(PARTS)}
NUM_PARTS = len(PARTS)
SHARP = len(SCALES) * NUM_PARTS
HALVES = len(SCALES) * (NUM_PARTS - 1)


def noise(seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.5 + 0.1 * torch.randn(1, 3, SIDE, SIDE, generator=generator)


def relative(pictures: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Sharpness [scales, parts], halves [scales, parts - 1], agreement [pairs, parts]: before they
    are standardised, by the running mean 0 and deviation 1."""
    found = RegionStatistics().eval()(pictures)[0]
    sharp, halves, agree = found.split([SHARP, HALVES, len(found) - SHARP - HALVES])
    return sharp.view(-1, NUM_PARTS), halves.view(-1, NUM_PARTS - 1), agree.view(-1, NUM_PARTS)


def test_twice_the_contrast_is_twice_the_sharpness_everywhere() -> None:
    grey = 255 * noise().mean(dim=1)
    boxes = boxes_of_parts(SIDE)
    once = sharpness(between_blurs(grey, SCALES), boxes)
    twice = sharpness(between_blurs(2 * grey, SCALES), boxes)
    assert torch.allclose(twice - once, torch.full_like(once, math.log(2)), atol=2e-2)


def test_what_all_parts_share_is_taken_out() -> None:
    for plain, sharper in zip(relative(noise()), relative(0.5 + 2 * (noise() - 0.5)), strict=True):
        assert torch.allclose(plain, sharper, atol=0.05)


def test_a_blurred_mouth_lacks_fine_texture_against_the_rest() -> None:
    sharp, blurred = noise(), noise()
    top, bottom, left, right = (round(share * SIDE) for share in PARTS["mouth"])
    smooth = F.avg_pool2d(blurred, 5, stride=1, padding=2)
    blurred[..., top:bottom, left:right] = smooth[..., top:bottom, left:right]
    change = relative(blurred)[0] - relative(sharp)[0]
    assert change[0].argmin() == PLACE["mouth"]  # the finest scale
    assert change[0, PLACE["mouth"]] < -0.5


def test_halves_that_mirror_each_other_do_not_differ_and_a_blurred_half_does() -> None:
    crop = noise()
    even = torch.cat([crop[..., : SIDE // 2], crop[..., : SIDE // 2].flip(3)], dim=3)
    # Halves of parts that lie off the middle by a pixel see the same texture a pixel further on.
    assert relative(even)[1].max() < 0.1
    uneven = even.clone()
    smooth = F.avg_pool2d(even, 5, stride=1, padding=2)
    uneven[..., : SIDE // 2] = smooth[..., : SIDE // 2]
    assert relative(uneven)[1][0].min() > 0.5
    assert torch.allclose(relative(uneven)[1], relative(uneven.flip(3))[1], atol=0.1)


def test_halves_lie_opposite_each_other() -> None:
    boxes = boxes_of_parts(SIDE)
    lefts = boxes_of_halves(SIDE)
    assert mirrored(boxes[PLACE["left rim"]], SIDE) == boxes[PLACE["right rim"]]
    for left in lefts:
        top, bottom, start, end = mirrored(left, SIDE)
        assert start >= SIDE // 2 - 1
        assert (bottom - top, end - start) == (left[1] - left[0], left[3] - left[2])


def test_a_part_whose_channels_go_their_own_way_stands_out() -> None:
    tied = noise()[:, :1].repeat(1, 3, 1, 1)
    loose = tied.clone()
    top, bottom, left, right = (round(share * SIDE) for share in PARTS["mouth"])
    loose[..., top:bottom, left:right] = noise(1)[..., top:bottom, left:right]
    plain, parted = (agreement(255 * one, boxes_of_parts(SIDE))[0] for one in (tied, loose))
    assert plain.min() > 0.99
    assert parted[:, PLACE["mouth"]].abs().max() < 0.1
    assert parted[:, PLACE["forehead"]].min() > 0.99


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
