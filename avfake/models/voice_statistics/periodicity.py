"""How regularly the vocal folds are made to beat.

Of short frames, the louder ones: how far the sound repeats itself after one period (the highest
peak of its autocorrelation between 60 and 400 Hz), how far its spectrum does (the highest peak of
the cepstrum there), and by how much the pitch steps from frame to frame. Synthetic voices are more
regular, or lose the beat where a throat does not.
References: Boersma 1993, harmonicity by autocorrelation; Noll 1967, the cepstral peak.
[M, N] -> [M, 13]. No parameters.
"""

import torch
from torch import Tensor, nn
from torchaudio.transforms import Spectrogram

from avfake.models.voice_statistics.loud import average_over, loud_times, quantiles_over

N_FFT = 1024
"""Frames are padded to it, so that lags up to a frame's length do not wrap around."""
PITCH_HZ = (61.5, 400.0)
VOICED = 0.4
"""Autocorrelation above which a frame counts as voiced."""
SHARES = (0.1, 0.25, 0.5, 0.75, 0.9)
LARGEST_STEP = 0.2
"""Natural logarithm of a step of pitch; longer ones are leaps to a multiple of it."""
FLOOR = 1e-3
POWER_FLOOR = 1e-6


class Periodicity(nn.Module):
    """Quantiles of both peaks over the frames, two means of the steps, share of voiced frames."""

    num_statistics = 2 * len(SHARES) + 3

    def __init__(self, sample_rate: int) -> None:
        super().__init__()
        frame = sample_rate // 25  # 40 ms: two periods and more of a low voice
        self.lags = slice(round(sample_rate / PITCH_HZ[1]), round(sample_rate / PITCH_HZ[0]))
        self.power = Spectrogram(N_FFT, win_length=frame, hop_length=frame // 2, power=2.0)
        self.power.window = self.power.window.clone()  # as in FineSpectrum

    def forward(self, sound: Tensor) -> Tensor:
        power = self.power(sound).transpose(1, 2).contiguous()  # [M, times, bins]
        loud = loud_times(power.sum(dim=2))
        autocorrelation = torch.fft.irfft(power)
        repeat, lag = autocorrelation[..., self.lags].max(dim=2)  # [M, times]
        repeat = repeat / autocorrelation[..., 0].clamp(min=1e-9)
        ripple = torch.fft.irfft((power + POWER_FLOOR).log())[..., self.lags].amax(dim=2)
        voiced = loud & (repeat > VOICED)
        quantiles = [quantiles_over(one, loud, SHARES) for one in (repeat, ripple)]
        return torch.cat([*quantiles, self._steps(lag, voiced), _share(voiced, loud)], dim=1)

    def _steps(self, lag: Tensor, voiced: Tensor) -> Tensor:
        """Logarithms of the mean and of the root-mean-square step between voiced frames [M, 2]."""
        steps = (lag + self.lags.start).float().log().diff(dim=1).abs().clamp(max=LARGEST_STEP)
        weights = (voiced[:, 1:] & voiced[:, :-1]).unsqueeze(1).float()
        both = torch.stack([steps, steps**2], dim=1)
        mean, square = average_over(both, weights).unbind(dim=1)
        return torch.stack([(mean + FLOOR).log(), 0.5 * (square + FLOOR**2).log()], dim=1)


def _share(some: Tensor, of: Tensor) -> Tensor:
    return (some.sum(dim=1) / of.sum(dim=1).clamp(min=1)).unsqueeze(1)
