"""Residuals hold how pixels were made, not what they show."""

from dataclasses import replace

import pytest
import torch

from avfake.errors import ConfigError
from avfake.models.visual import CUT, VisualBranch, VisualConfig, noise_residuals, residual_filters

TINY = VisualConfig("test_resnet", weights="none", size_px=32, embedding_dim=8, drop_path=0.0)


def test_filters_pass_no_constant() -> None:
    assert residual_filters().sum(dim=(2, 3)).abs().max() < 1e-6


def test_flat_and_evenly_shaded_pictures_leave_nothing() -> None:
    ramp = torch.arange(40.0)[None, :] + 2 * torch.arange(40.0)[:, None]
    shaded = ramp.expand(1, 3, 40, 40)
    # The border is mirrored, where a slope has a fold.
    assert noise_residuals(shaded)[..., 2:-2, 2:-2].abs().max() < 1e-4
    assert noise_residuals(torch.full((1, 3, 40, 40), 77.0)).abs().max() < 1e-5


def test_a_bright_pixel_is_seen_around_itself_and_cut_off() -> None:
    faint, strong = torch.zeros(2, 1, 3, 21, 21)
    faint[..., 10, 10], strong[..., 10, 10] = 1.0, 200.0
    row, square, kv = noise_residuals(faint)[0]
    assert row[10, 9:12].tolist() == pytest.approx([0.5 / CUT, -1 / CUT, 0.5 / CUT])
    assert square[10, 10].item() == pytest.approx(-1 / CUT)
    assert kv[8, 8].item() == pytest.approx(-1 / 12 / CUT)
    assert noise_residuals(faint)[..., :8, :].abs().max() == 0
    found = noise_residuals(strong)
    assert (found.min().item(), found.max().item()) == (-1.0, 1.0)


def test_blurring_takes_residuals_away_and_leaves_the_brightness() -> None:
    generator = torch.Generator().manual_seed(0)
    noisy = 128 + 2 * torch.randn(1, 3, 64, 64, generator=generator)
    blurred = torch.nn.functional.avg_pool2d(noisy, 5, stride=1, padding=2, count_include_pad=False)
    assert noise_residuals(blurred).square().mean() < 0.1 * noise_residuals(noisy).square().mean()


@pytest.mark.parametrize(("inputs", "channels"), [("colour", 3), ("residual", 3), ("both", 6)])
def test_the_branch_reads_what_it_is_told_to(inputs: str, channels: int) -> None:
    torch.manual_seed(0)
    branch = VisualBranch(replace(TINY, inputs=inputs)).eval()
    faces = torch.randint(0, 256, (2, 2, 3, 48, 48), dtype=torch.uint8)
    mask = torch.ones(2, 2, dtype=torch.bool)
    assert branch.normalise(faces[mask]).shape == (4, channels, 32, 32)
    brighter = (faces.float() * 0.5 + 60).clamp(0, 255)
    shifted = branch((faces.float() * 0.5), mask).item_logits
    # A constant added to all pixels is invisible to residuals alone.
    assert torch.allclose(branch(brighter, mask).item_logits, shifted, atol=1e-3) == (
        inputs == "residual"
    )
    assert branch(faces, ~mask).embedding.shape == (2, 8)


def test_an_unknown_input_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"visual.inputs must be one of .*did you mean"):
        replace(TINY, inputs="residuals")
