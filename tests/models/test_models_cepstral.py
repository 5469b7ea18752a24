"""Cepstral statistics: the deviation that was put in comes out, whatever the level."""

import math

import pytest
import torch

from avfake.models import AudioBranch, AudioConfig, SpectrogramConfig
from avfake.models.cepstral import CepstralStatistics, cosine_basis

BANDS, TIMES = 24, 400


def pictures_of(coefficient: int, series: torch.Tensor) -> torch.Tensor:
    """[1, bands, times] that move along one coefficient alone."""
    return (cosine_basis(BANDS, BANDS)[coefficient].unsqueeze(1) * series).unsqueeze(0)


def test_rows_of_the_basis_are_orthonormal() -> None:
    basis = cosine_basis(BANDS, 10)
    assert torch.allclose(basis @ basis.T, torch.eye(10), atol=1e-6)


def test_the_deviation_of_a_coefficient_comes_out_at_its_place() -> None:
    alternating = 3.0 * (-1.0) ** torch.arange(TIMES)
    statistics = CepstralStatistics(BANDS)
    found = statistics.deviations(pictures_of(5, alternating))[0]
    assert found[5].item() == pytest.approx(math.log(3), abs=1e-3)  # deviation 3
    assert found[BANDS + 5].item() == pytest.approx(math.log(6), abs=1e-3)  # each step is 6
    others = [k for k in range(2 * BANDS) if k not in (5, BANDS + 5)]
    assert found[others].max() < math.log(0.01)  # no more than the floor


def test_quiet_spectra_do_not_count() -> None:
    moving = torch.where(torch.arange(TIMES) < 100, 0.0, 1.0) * (-1.0) ** torch.arange(TIMES)
    picture = pictures_of(3, moving)
    picture[..., :100] -= 5.0  # a pause of a quarter, in which nothing moves
    found = CepstralStatistics(BANDS).deviations(picture)[0]
    assert found[3].item() == pytest.approx(0.0, abs=1e-2)


def test_a_branch_of_statistics_hears_no_volume_and_learns() -> None:
    config = AudioConfig(
        backbone="cepstral_statistics",
        spectrogram=SpectrogramConfig(n_fft=256, hop=64, num_bands=60, scale="linear"),
        embedding_dim=8,
        mask_bands=0,
        mask_times=0,
    )
    torch.manual_seed(0)
    branch = AudioBranch(config)
    assert not branch.pretrained_used
    sound = torch.randn(4, 2, 8000, generator=torch.Generator().manual_seed(0)) * 0.2
    mask = torch.ones(4, 2, dtype=torch.bool)
    branch(sound, mask).item_logits.sum().backward()
    assert branch.encoder.project[1].weight.grad.abs().max() > 0
    branch.eval()
    loud, soft = branch(sound, mask).item_logits, branch(0.25 * sound, mask).item_logits
    assert torch.allclose(loud, soft, atol=1e-3)
