"""Voice statistics: what was put into a sound comes out at its place, whatever the level."""

import math

import pytest
import torch

from avfake.models.audio import AudioBranch, AudioConfig
from avfake.models.spectrogram import SpectrogramConfig
from avfake.models.voice_statistics import (
    CepstralMovement,
    FineSpectrum,
    Periodicity,
    VoiceStatistics,
    cosine_basis,
)

RATE = 16_000
CONFIG = SpectrogramConfig(n_fft=256, hop=64, num_bands=24, scale="linear")
BANDS, TIMES = CONFIG.num_bands, 400


def noise(seconds: float = 2.0, *, seed: int = 0) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return 0.05 * torch.randn(1, round(seconds * RATE), generator=generator)


def pictures_of(coefficient: int, series: torch.Tensor) -> torch.Tensor:
    """[1, bands, times] that move along one coefficient alone."""
    return (cosine_basis(BANDS, BANDS)[coefficient].unsqueeze(1) * series).unsqueeze(0)


def test_rows_of_the_basis_are_orthonormal() -> None:
    basis = cosine_basis(BANDS, 10)
    assert torch.allclose(basis @ basis.T, torch.eye(10), atol=1e-6)


def test_the_deviation_of_a_coefficient_comes_out_at_its_place() -> None:
    alternating = 3.0 * (-1.0) ** torch.arange(TIMES)
    found = CepstralMovement(CONFIG).deviations(pictures_of(5, alternating))[0]
    assert found[5].item() == pytest.approx(math.log(3), abs=1e-3)  # deviation 3
    assert found[BANDS + 5].item() == pytest.approx(math.log(6), abs=1e-3)  # each step is 6
    assert found[2 * BANDS + 5].item() == pytest.approx(math.log(12), abs=1e-3)  # and back again
    others = [k for k in range(3 * BANDS) if k % BANDS != 5]
    assert found[others].max() < math.log(0.01)  # no more than the floor


def test_quiet_spectra_do_not_count() -> None:
    moving = torch.where(torch.arange(TIMES) < 100, 0.0, 1.0) * (-1.0) ** torch.arange(TIMES)
    picture = pictures_of(3, moving)
    picture[..., :100] -= 5.0  # a pause of a quarter, in which nothing moves
    found = CepstralMovement(CONFIG).deviations(picture)[0]
    assert found[3].item() == pytest.approx(0.0, abs=1e-2)


def test_a_steady_tone_stands_out_in_its_half_kilohertz() -> None:
    plain = noise()
    tone = plain + 0.02 * torch.sin(2 * torch.pi * 4_750 * torch.arange(plain.shape[1]) / RATE)
    without, found = (FineSpectrum()(sound)[0].view(3, -1) for sound in (plain, tone))
    raised = found - without
    for kind in range(3):  # rougher mean, higher peak, and less movement than its neighbours
        assert raised[kind].argmax().item() == 9  # 4,500 to 5,000 Hz
        assert raised[kind, 9] > 3 * raised[kind, [0, 4, 14]].abs().max()
    assert found[1, 9] == pytest.approx(4.5, abs=1)  # nats


def test_what_is_broad_is_left_to_voice_and_microphone() -> None:
    plain = noise()
    spectrum = torch.fft.rfft(plain)
    tilted = torch.fft.irfft(spectrum * torch.linspace(2, 0.2, spectrum.shape[1]), n=plain.shape[1])
    change = (FineSpectrum()(tilted) - FineSpectrum()(plain)).abs()
    assert change.mean() < 0.05


def pulses(hertz: float, jitter: float, *, seed: int = 0) -> torch.Tensor:
    """[1, N]: pulses whose distances vary by a share of the period, in a little noise."""
    generator = torch.Generator().manual_seed(seed)
    sound = 0.03 * noise(seed=seed + 1)
    place = 0.0
    while place < sound.shape[1]:
        sound[0, int(place)] += 1.0
        step = 1 + jitter * torch.randn((), generator=generator).item()
        place += RATE / hertz * max(step, 0.2)
    return sound


def test_a_jittering_voice_is_less_periodic_than_a_machine() -> None:
    periodicity = Periodicity(RATE)
    machine, throat = (periodicity(pulses(125, jitter))[0] for jitter in (0.0, 0.1))
    middle = Periodicity.SHARES.index(0.5)
    assert machine[middle] > throat[middle] + 0.1  # autocorrelation
    cepstral = len(Periodicity.SHARES) + middle
    assert machine[cepstral] > throat[cepstral]
    assert machine[-3] < throat[-3]  # steps of pitch
    assert machine[-1].item() == pytest.approx(1.0, abs=0.02)  # voiced all the time


def test_hiss_has_no_pitch() -> None:
    found = Periodicity(RATE)(noise())[0]
    assert found[-1] < 0.1  # voiced
    assert torch.isfinite(found).all()


@pytest.mark.parametrize("sound", [torch.zeros(2, 8_000), torch.ones(2, 8_000)])
def test_silence_has_statistics_and_slopes_that_are_numbers(sound: torch.Tensor) -> None:
    sound = sound.requires_grad_()
    statistics = VoiceStatistics(CONFIG)(sound)
    statistics.sum().backward()
    assert torch.isfinite(statistics).all()
    assert torch.isfinite(sound.grad).all()


def test_statistics_stand_beside_the_features_and_hear_no_volume() -> None:
    sound = torch.randn(3, 8000, generator=torch.Generator().manual_seed(0)) * 0.2
    statistics = VoiceStatistics(CONFIG)
    assert torch.allclose(statistics(sound), statistics(0.25 * sound), atol=1e-3)
    config = AudioConfig("test_resnet", weights="none", spectrogram=CONFIG, statistics=True)
    branch = AudioBranch(config).eval()
    assert branch.feature_dim == branch.backbone_dim + statistics.feature_dim
    beside = branch.features(sound)[:, branch.backbone_dim :]
    assert torch.equal(beside, statistics(sound))
