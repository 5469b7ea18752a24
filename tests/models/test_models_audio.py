"""The audio branch: a tone lights its band, silence stays dark, padding is not there."""

import math

import pytest
import torch
import torchaudio.functional as AF  # noqa: N812

from avfake.errors import ConfigError
from avfake.models.audio import AudioBranch, AudioConfig
from avfake.models.spectrogram import (
    LogSpectrogram,
    SpectrogramConfig,
    band_filters,
    mask_bands_and_times,
)

RATE = 16_000
TINY = AudioConfig(
    backbone="test_resnet",
    weights="none",
    spectrogram=SpectrogramConfig(num_bands=40),
    embedding_dim=8,
)


def tone(hz: float, seconds: float = 0.5) -> torch.Tensor:
    return 0.5 * torch.sin(2 * math.pi * hz * torch.arange(int(RATE * seconds)) / RATE)


@pytest.fixture
def branch() -> AudioBranch:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return AudioBranch(TINY).eval()


@pytest.mark.parametrize("hz", [250.0, 1000.0, 3050.0, 6550.0])
def test_a_tone_peaks_in_its_linear_band(hz: float) -> None:
    config = SpectrogramConfig(scale="linear", num_bands=39, f_min_hz=0.0)
    picture = LogSpectrogram(config)(tone(hz)[None])[0, 0]
    centres = torch.arange(1, 40) * 8000 / 40  # 39 triangles between 0 and 8000 Hz
    assert picture.mean(dim=1).argmax() == (centres - hz).abs().argmin()


@pytest.mark.parametrize("hz", [300.0, 1000.0, 3000.0, 6500.0])
def test_a_tone_peaks_in_its_mel_band(hz: float) -> None:
    config = SpectrogramConfig(num_bands=40)
    picture = LogSpectrogram(config)(tone(hz)[None])[0, 0]
    mel = [2595 * math.log10(1 + f / 700) for f in (config.f_min_hz, config.f_max_hz, hz)]
    expected = (mel[2] - mel[0]) / (mel[1] - mel[0]) * 41 - 1  # 40 centres between the two ends
    assert picture.mean(dim=1).argmax().item() == pytest.approx(expected, abs=1.0)


def test_linear_bands_keep_tones_apart_that_mel_bands_join() -> None:
    peaks = {}
    for scale in ("mel", "linear"):
        front = LogSpectrogram(SpectrogramConfig(scale=scale))  # type: ignore[arg-type]
        pictures = front(torch.stack([tone(7000.0), tone(7200.0)]))
        peaks[scale] = pictures.mean(dim=(1, 3)).argmax(dim=1)
    assert peaks["linear"][1] - peaks["linear"][0] > peaks["mel"][1] - peaks["mel"][0]


def test_windows_are_normalised_whatever_their_volume() -> None:
    noise = torch.randn(1, RATE, generator=torch.Generator().manual_seed(0))
    front = LogSpectrogram(SpectrogramConfig())
    loud, soft = front(noise * 0.5), front(noise * 0.1)
    assert loud.mean().abs() < 1e-5
    assert torch.allclose(loud, soft, atol=1e-3)


def test_near_silence_is_not_blown_up() -> None:
    generator = torch.Generator().manual_seed(0)
    rounding = torch.randint(-1, 2, (1, RATE), generator=generator) / 32768
    front = LogSpectrogram(SpectrogramConfig())
    assert front(torch.zeros(1, RATE)).abs().max() == 0
    assert front(rounding).std() < 0.7


def test_bands_that_would_be_empty_are_refused() -> None:
    with pytest.raises(ConfigError, match="larger n_fft"):
        band_filters(SpectrogramConfig(num_bands=200))


def test_bands_are_those_of_torchaudio() -> None:
    config = SpectrogramConfig()
    expected = AF.melscale_fbanks(257, 20.0, 8000.0, 80, RATE)
    assert torch.equal(band_filters(config), expected)


def test_stripes_are_hidden_window_by_window() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        hidden = mask_bands_and_times(torch.ones(50, 1, 40, 60), bands=8, times=10) == 0
    bands, times = hidden.all(dim=3).sum(dim=2), hidden.all(dim=2).sum(dim=2)
    assert bands.max() <= 16
    assert times.max() <= 20
    assert bands.float().mean() == pytest.approx(7, abs=2)  # two stripes of 0 to 7
    assert len(set(bands.flatten().tolist())) > 5


def test_stripes_are_hidden_in_training_only(branch: AudioBranch) -> None:
    pictures: list[torch.Tensor] = []
    branch.backbone.register_forward_pre_hook(lambda _, inputs: pictures.append(inputs[0]))
    sound, mask = tone(1000.0).repeat(1, 1, 1), torch.ones(1, 1, dtype=torch.bool)
    branch(sound, mask)
    branch.train()(sound.repeat(1, 2, 1), torch.ones(1, 2, dtype=torch.bool))
    assert pictures[0].eq(0).sum() == 0
    assert pictures[1].eq(0).sum() > 0


def test_what_stands_at_padding_changes_nothing(branch: AudioBranch) -> None:
    sound = torch.randn(2, 3, 4000, generator=torch.Generator().manual_seed(0))
    mask = torch.tensor([[True, True, False], [False, False, False]])
    other = torch.where(mask[:, :, None], sound, torch.nan)
    first, second = branch(sound, mask), branch(other, mask)
    assert torch.equal(first.embedding, second.embedding)
    assert torch.equal(first.item_logits, second.item_logits)
    assert first.present.tolist() == [True, False]


def test_a_batch_answers_as_its_clips_do_alone(branch: AudioBranch) -> None:
    sound = torch.randn(4, 2, 4000, generator=torch.Generator().manual_seed(0))
    mask = torch.ones(4, 2, dtype=torch.bool)
    together = branch(sound, mask)
    for index in range(4):
        alone = branch(sound[index : index + 1], mask[:1])
        assert torch.allclose(together.embedding[index], alone.embedding[0], atol=1e-5)


def test_gradient_reaches_the_sound(branch: AudioBranch) -> None:
    sound = tone(1000.0).repeat(1, 1, 1).requires_grad_()
    branch(sound, torch.ones(1, 1, dtype=torch.bool)).item_logits.sum().backward()
    assert sound.grad is not None
    assert sound.grad.abs().sum() > 0


def test_half_precision_leaves_the_spectrum_whole(branch: AudioBranch) -> None:
    sound, mask = tone(1000.0).repeat(1, 1, 1), torch.ones(1, 1, dtype=torch.bool)
    full = branch.spectrogram(sound[mask])
    with torch.autocast("cpu", torch.bfloat16):
        half = branch.spectrogram(sound[mask])
        assert branch(sound, mask).embedding.dtype == torch.float32
    assert torch.equal(full, half)


@pytest.mark.parametrize("wrong", [{"f_max_hz": 9000.0}, {"hop": 0}, {"scale": "bark"}])
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        SpectrogramConfig(**wrong)  # type: ignore[arg-type]


def test_a_window_shorter_than_a_spectrum_is_refused(branch: AudioBranch) -> None:
    with pytest.raises(ValueError, match="512"):
        branch(torch.zeros(1, 1, 100), torch.ones(1, 1, dtype=torch.bool))
