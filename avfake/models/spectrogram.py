"""Sound windows to normalised log spectrograms, inside the model and differentiable.

Short-time power spectrum, triangular bands on the mel or on a linear frequency scale, log, then
zero mean and unit deviation of each window. Vocoder traces sit above 4 kHz, where mel bands are
wide: `scale="linear"` keeps them apart (Sahidullah, Kinnunen & Hanilci 2015 on linear bands).
sound float32 [M, N] -> [M, 1, num_bands, 1 + N // hop]. No parameters.
"""

import warnings
from dataclasses import dataclass
from typing import Literal

import torch
import torchaudio.functional as AF  # noqa: N812  as torch.nn.functional is F
from torch import Tensor, nn
from torchaudio.transforms import Spectrogram

from avfake.errors import ConfigError, check_choice, check_ranges

POWER_FLOOR = 1e-7
"""Above the noise of 16-bit rounding (1.5e-8 a bin at n_fft 512), so that whether a silence is
digital or merely quiet does not show."""
DEVIATION_FLOOR = 1.0
"""Speech deviates by 2 to 4 nats; below the floor a near-silent window is not blown up to that."""


@dataclass(frozen=True)
class SpectrogramConfig:
    """Spectrogram of a sound window."""

    sample_rate: int = 16_000
    n_fft: int = 512
    """Samples of one spectrum; 512 is 32 ms."""
    hop: int = 160
    """Samples between spectra; 160 is 10 ms."""
    num_bands: int = 80
    scale: Literal["mel", "linear"] = "mel"
    f_min_hz: float = 20.0
    f_max_hz: float = 8000.0

    def __post_init__(self) -> None:
        check_choice("spectrogram.scale", self.scale, ("mel", "linear"))
        check_ranges(self, "spectrogram", hop=f"[1, {self.n_fft}]")
        if not 0 <= self.f_min_hz < self.f_max_hz <= self.sample_rate / 2:
            raise ConfigError(
                f"spectrogram needs 0 <= f_min_hz < f_max_hz <= {self.sample_rate / 2:g} (half the "
                f"sample rate), got {self.f_min_hz:g} and {self.f_max_hz:g}"
            )


class LogSpectrogram(nn.Module):
    """Normalised log power in bands."""

    bands: Tensor

    def __init__(self, config: SpectrogramConfig) -> None:
        super().__init__()
        self.config = config
        self.power = power_spectrogram(config.n_fft, hop_length=config.hop)
        self.register_buffer("bands", band_filters(config))

    @property
    def band_hz(self) -> Tensor:
        """[num_bands] weighted mean frequency of each band."""
        hertz = torch.linspace(0, self.config.sample_rate / 2, len(self.bands)).to(self.bands)
        return (hertz @ self.bands) / self.bands.sum(dim=0)

    def forward(self, sound: Tensor) -> Tensor:
        log_power = self.log_power(sound)
        if len(log_power) == 0:  # whose deviation would be NaN, with a warning
            return log_power
        deviation, mean = torch.std_mean(log_power, dim=(1, 2, 3), keepdim=True)
        return (log_power - mean) / deviation.clamp(min=DEVIATION_FLOOR)

    def log_power(self, sound: Tensor) -> Tensor:
        """Return the spectrogram before normalisation, in nats, float32 under autocast too."""
        if sound.shape[-1] < self.config.n_fft:
            raise ValueError(
                f"a sound window must have n_fft={self.config.n_fft} samples or more, "
                f"got {sound.shape[-1]}"
            )
        if len(sound) == 0:  # padding by reflection refuses an empty batch
            num_times = 1 + sound.shape[1] // self.config.hop
            return sound.new_zeros(0, 1, self.config.num_bands, num_times)
        # Power spans ten decades: half precision would round the quiet ones to nothing.
        with torch.autocast(sound.device.type, enabled=False):
            power = self.power(sound.float()).transpose(1, 2) @ self.bands  # [M, time, bands]
            return (power + POWER_FLOOR).log().transpose(1, 2).unsqueeze(1)


def power_spectrogram(n_fft: int, **options: int) -> Spectrogram:
    """Return torchaudio's power spectrogram with a window that safetensors can store."""
    power = Spectrogram(n_fft, power=2.0, **options)
    power.window = power.window.clone()  # as torch makes it, it is part of a longer tensor
    return power


def band_filters(config: SpectrogramConfig) -> Tensor:
    """Return triangles [n_fft // 2 + 1, num_bands]; ConfigError where a band would be empty."""
    is_mel = config.scale == "mel"
    make = AF.melscale_fbanks if is_mel else AF.linear_fbanks
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of empty bands: an error here, below
        filters: Tensor = make(
            n_freqs=config.n_fft // 2 + 1,
            f_min=config.f_min_hz,
            f_max=config.f_max_hz,
            sample_rate=config.sample_rate,
            **{"n_mels" if is_mel else "n_filter": config.num_bands},
        )
    num_empty = int((filters.amax(dim=0) == 0).sum())
    if num_empty:
        raise ConfigError(
            f"{num_empty} of {config.num_bands} {config.scale} bands fall between the bins of "
            f"n_fft={config.n_fft}; take fewer bands or a larger n_fft"
        )
    return filters


def mask_bands_and_times(pictures: Tensor, *, bands: int, times: int) -> Tensor:
    """Set stripes to the mean: two up to `bands` high, two up to `times` wide.

    SpecAugment (Park et al. 2019).

    Args:
        pictures: [M, 1, bands, time], of mean zero
    """
    for axis, widest in 2 * ((2, bands), (3, times)):
        if widest > 0:
            pictures = AF.mask_along_axis_iid(pictures, widest, 0.0, axis=axis)
    return pictures
