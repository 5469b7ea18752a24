"""Statistics of speech that differ between synthetic and natural voices.

Three kinds of statistics of a window, none of which depends on its level; a linear layer over them
learns from some hundred voices, which a network from random weights does not (recipes/README.md).
They stand beside the features of the backbone (`AudioConfig.statistics`).
[M, N] at 16 kHz -> [M, feature_dim]. No parameters.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from avfake.models.spectrogram import LogSpectrogram, SpectrogramConfig, power_spectrogram

LEVEL = 0.07
"""Root mean square of every window after scaling, about that of speech whose peaks reach 0.5."""
QUIET = 1e-6
"""Root mean square below which a window is silence and is not scaled up."""
LOUD_SHARE = 0.6
"""Share of the spectra of a window, the louder ones, that are measured: pauses differ by
acoustics and by cut."""
N_FFT = 1024
POWER_FLOOR = 1e-6


class VoiceStatistics(nn.Module):
    """All statistics of a window, each in its own unit: [M, N] -> [M, feature_dim]."""

    def __init__(self, config: SpectrogramConfig) -> None:
        super().__init__()
        self.kinds = nn.ModuleList(
            [CepstralMovement(config), FineSpectrum(), Periodicity(config.sample_rate)]
        )
        self.feature_dim = sum(kind.num_statistics for kind in self.kinds)  # type: ignore[misc]

    def forward(self, sound: Tensor) -> Tensor:
        # Powers span ten decades: half precision would round the quiet ones to nothing.
        with torch.autocast(sound.device.type, enabled=False):
            sound = sound.float()
            level = LEVEL * sound / (sound.square().mean(dim=1, keepdim=True) + QUIET**2).sqrt()
            return torch.cat([kind(level) for kind in self.kinds], dim=1)


class CepstralMovement(nn.Module):
    """Log deviations of cepstral coefficients, of their differences, and of second differences.

    Vocoders and acoustic models smooth their output over time and from one band to the next. The
    deviations over the louder spectra of a window show it.
    References: Sahidullah, Kinnunen & Hanilci 2015, linear-frequency cepstra and their differences
    against synthetic speech; Snyder et al. 2018, pooling of statistics over time.
    [M, N] -> [M, 3 * num_coefficients].
    """

    MAX_COEFFICIENTS = 40
    FLOOR = 1e-6
    """Below any variance of speech; keeps the logarithm of a constant finite."""
    basis: Tensor

    def __init__(self, config: SpectrogramConfig) -> None:
        super().__init__()
        self.spectrogram = LogSpectrogram(config)
        num_coefficients = min(self.MAX_COEFFICIENTS, config.num_bands)
        self.num_statistics = 3 * num_coefficients
        self.register_buffer("basis", cosine_basis(config.num_bands, num_coefficients))

    def forward(self, sound: Tensor) -> Tensor:
        return self.deviations(self.spectrogram(sound).squeeze(1))

    def deviations(self, pictures: Tensor) -> Tensor:
        """Log spectrograms [M, bands, times] -> [M, 3 * num_coefficients] natural logarithms."""
        cepstra = self.basis @ pictures  # [M, K, times]
        weights = loud_times(pictures.mean(dim=1)).unsqueeze(1).to(pictures)
        mean = average_over(cepstra, weights).unsqueeze(2)
        spread = average_over((cepstra - mean) ** 2, weights)
        pairs = weights[..., 1:] * weights[..., :-1]
        first = average_over(cepstra.diff(dim=2) ** 2, pairs)
        second = average_over(cepstra.diff(n=2, dim=2) ** 2, pairs[..., 1:] * pairs[..., :-1])
        return 0.5 * (torch.cat([spread, first, second], dim=1) + self.FLOOR).log()


def cosine_basis(num_bands: int, num_coefficients: int) -> Tensor:
    """Return orthonormal rows [num_coefficients, num_bands] of the discrete cosine transform II.

    Own code: `torchaudio.functional.create_dct` rounds its angles to float32.
    """
    bands = torch.arange(num_bands, dtype=torch.float64) + 0.5
    orders = torch.arange(num_coefficients, dtype=torch.float64).unsqueeze(1)
    basis = math.sqrt(2 / num_bands) * torch.cos(math.pi / num_bands * orders * bands)
    basis[0] /= math.sqrt(2)
    return basis.float()


class FineSpectrum(nn.Module):
    """Roughness of the mean, its highest peak, and roughness of the deviation of each 500 Hz.

    Networks that raise the sample rate step by step leave tones and dips at fixed frequencies. They
    show in the mean over time of a finely resolved spectrum, and in the deviation of each of its
    frequencies, relative to the median of the frequencies around it: what is broad is the voice,
    the acoustics and the microphone.
    References: Odena, Dumoulin & Olah 2016, checkerboard artefacts of upsampling; Frank & Schönherr
    2021, artefacts of vocoders in the mean spectrum.
    [M, N] -> [M, 3 * NUM_GROUPS].
    """

    NUM_GROUPS = 16
    """Groups of bins, 500 Hz wide each."""
    num_statistics = 3 * NUM_GROUPS

    def __init__(self) -> None:
        super().__init__()
        self.power = power_spectrogram(n_fft=N_FFT, hop_length=256)  # bins of 15.6 Hz

    def forward(self, sound: Tensor) -> Tensor:
        spectra = (self.power(sound) + POWER_FLOOR).log()  # [M, bins, times]
        weights = loud_times(spectra.mean(dim=1)).unsqueeze(1).to(spectra)
        mean = average_over(spectra, weights)  # [M, bins]
        variance = average_over((spectra - mean.unsqueeze(2)) ** 2, weights)
        of_mean, of_deviation = against_neighbours(mean), against_neighbours(_root(variance))
        groups = of_mean.tensor_split(self.NUM_GROUPS, dim=1)
        peaks = torch.stack([group.amax(dim=1) for group in groups], dim=1)
        return torch.cat([self._roughness(of_mean), peaks, self._roughness(of_deviation)], dim=1)

    def _roughness(self, values: Tensor) -> Tensor:
        """[M, bins] -> [M, NUM_GROUPS]: logarithm of the deviation within each group of bins."""
        groups = values.tensor_split(self.NUM_GROUPS, dim=1)
        spread = [_root(group.var(dim=1, unbiased=False)) for group in groups]
        return (torch.stack(spread, dim=1) + 1e-3).log()


def against_neighbours(values: Tensor, reach: int = 8) -> Tensor:
    """[M, bins] minus the running median of 2 * reach + 1 bins (266 Hz); the ends are mirrored."""
    mirrored = F.pad(values.unsqueeze(1), (reach, reach), mode="reflect").squeeze(1)
    return values - mirrored.unfold(1, 2 * reach + 1, 1).median(dim=2).values


def _root(variance: Tensor) -> Tensor:
    # The slope of a root is infinite at 0, the variance of a silent window.
    return (variance + 1e-12).sqrt()


class Periodicity(nn.Module):
    """Quantiles of two measures of periodicity, means of the pitch steps, share of voiced frames.

    Of the louder short frames: how far the sound repeats itself after one period (the highest peak
    of its autocorrelation between 60 and 400 Hz), how far its spectrum does (the highest peak of
    the cepstrum there), and by how much the pitch changes from frame to frame. Synthetic voices are
    more regular, or lose the period where a natural voice does not.
    References: Boersma 1993, harmonicity by autocorrelation; Noll 1967, the cepstral peak.
    [M, N] -> [M, 13].
    """

    PITCH_HZ = (61.5, 400.0)
    VOICED = 0.4
    """Autocorrelation above which a frame counts as voiced."""
    SHARES = (0.1, 0.25, 0.5, 0.75, 0.9)
    LARGEST_STEP = 0.2
    """Natural logarithm of a step of pitch; longer ones are errors of an octave."""
    FLOOR = 1e-3
    num_statistics = 2 * len(SHARES) + 3

    def __init__(self, sample_rate: int) -> None:
        super().__init__()
        frame = sample_rate // 25  # 40 ms: two periods and more of a low voice
        low, high = self.PITCH_HZ
        self.lags = slice(round(sample_rate / high), round(sample_rate / low))
        # Frames are padded to N_FFT, so that lags up to a frame's length do not wrap around.
        self.power = power_spectrogram(N_FFT, win_length=frame, hop_length=frame // 2)

    def forward(self, sound: Tensor) -> Tensor:
        power = self.power(sound).transpose(1, 2).contiguous()  # [M, times, bins]
        loud = loud_times(power.sum(dim=2))
        autocorrelation = torch.fft.irfft(power)
        repeat, lag = autocorrelation[..., self.lags].max(dim=2)  # [M, times]
        repeat = repeat / autocorrelation[..., 0].clamp(min=1e-9)
        ripple = torch.fft.irfft((power + POWER_FLOOR).log())[..., self.lags].amax(dim=2)
        voiced = loud & (repeat > self.VOICED)
        quantiles = [quantiles_over(one, loud, self.SHARES) for one in (repeat, ripple)]
        share = (voiced.sum(dim=1) / loud.sum(dim=1).clamp(min=1)).unsqueeze(1)
        return torch.cat([*quantiles, self._steps(lag, voiced), share], dim=1)

    def _steps(self, lag: Tensor, voiced: Tensor) -> Tensor:
        """Return logarithms of the mean and of the rms step between voiced frames [M, 2]."""
        steps = (lag + self.lags.start).float().log().diff(dim=1).abs()
        steps = steps.clamp(max=self.LARGEST_STEP)
        weights = (voiced[:, 1:] & voiced[:, :-1]).unsqueeze(1).float()
        both = torch.stack([steps, steps**2], dim=1)
        mean, square = average_over(both, weights).unbind(dim=1)
        return torch.stack([(mean + self.FLOOR).log(), 0.5 * (square + self.FLOOR**2).log()], dim=1)


def loud_times(level: Tensor) -> Tensor:
    """[M, times] of any measure of loudness -> bool [M, times], at least one True a row."""
    return level >= level.quantile(1 - LOUD_SHARE, dim=1, keepdim=True)


def average_over(values: Tensor, weights: Tensor) -> Tensor:
    """[M, K, times] with weights [M, 1, times] -> [M, K]; 0 where all weights are 0."""
    return (values * weights).sum(dim=2) / weights.sum(dim=2).clamp(min=1)


def quantiles_over(values: Tensor, chosen: Tensor, shares: tuple[float, ...]) -> Tensor:
    """[M, times] -> [M, len(shares)] quantiles of the chosen; at least one True a row."""
    hidden = values.masked_fill(~chosen, torch.nan)
    return hidden.nanquantile(values.new_tensor(shares), dim=1).T
