"""Single frequencies that are too strong, or too steady, for their neighbours.

Networks that raise the rate step by step leave tones and dips at fixed frequencies. They show in
the mean over time of a finely resolved spectrum, and in how much each of its frequencies moves,
against the median of the frequencies around it: what is broad is the voice, room and microphone.
References: Odena, Dumoulin & Olah 2016, checkerboard artefacts of upsampling; Frank & Schönherr
2021, artefacts of vocoders in the mean spectrum.
[M, N] -> [M, 3 * NUM_GROUPS]. No parameters.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchaudio.transforms import Spectrogram

from avfake.models.voice_statistics.loud import average_over, loud_times

N_FFT = 1024
"""Samples of a spectrum; bins of 15.6 Hz."""
HOP = 256
POWER_FLOOR = 1e-6
NEIGHBOURS = 17
"""Bins of which the median is taken, 266 Hz."""
NUM_GROUPS = 16
"""Of bins, 500 Hz wide each."""
FLOOR = 1e-3
"""Nats below which there is no roughness."""


class FineSpectrum(nn.Module):
    """Of each 500 Hz: roughness of the mean, its highest peak, and roughness of the deviation."""

    num_statistics = 3 * NUM_GROUPS

    def __init__(self) -> None:
        super().__init__()
        self.power = Spectrogram(n_fft=N_FFT, hop_length=HOP, power=2.0)
        # As torch makes it, the window is part of a longer tensor, which safetensors refuses.
        self.power.window = self.power.window.clone()

    def forward(self, sound: Tensor) -> Tensor:
        spectra = (self.power(sound) + POWER_FLOOR).log()  # [M, bins, times]
        weights = loud_times(spectra.mean(dim=1)).unsqueeze(1).to(spectra)
        mean = average_over(spectra, weights)  # [M, bins]
        variance = average_over((spectra - mean.unsqueeze(2)) ** 2, weights)
        of_mean, of_deviation = against_neighbours(mean), against_neighbours(_root(variance))
        groups = of_mean.tensor_split(NUM_GROUPS, dim=1)
        peaks = torch.stack([group.amax(dim=1) for group in groups], dim=1)
        return torch.cat([roughness(of_mean), peaks, roughness(of_deviation)], dim=1)


def against_neighbours(values: Tensor) -> Tensor:
    """[M, bins] minus the running median of `NEIGHBOURS` bins; the ends are mirrored."""
    reach = NEIGHBOURS // 2
    mirrored = F.pad(values.unsqueeze(1), (reach, reach), mode="reflect").squeeze(1)
    return values - mirrored.unfold(1, NEIGHBOURS, 1).median(dim=2).values


def roughness(values: Tensor) -> Tensor:
    """[M, bins] -> [M, NUM_GROUPS]: logarithm of the deviation within each group of bins."""
    groups = values.tensor_split(NUM_GROUPS, dim=1)
    spread = [_root(group.var(dim=1, unbiased=False)) for group in groups]
    return (torch.stack(spread, dim=1) + FLOOR).log()


def _root(variance: Tensor) -> Tensor:
    # The slope of a root is infinite at 0, where a silent window lies.
    return (variance + 1e-12).sqrt()
