"""Saliency of a sound window: what its logit loses without each band at each time.

Occlusion (Zeiler & Fergus 2014, through captum), as for faces: the sound of one band at one time
is attenuated, not cut out, and the branch is run again. The network is a black box, so that any
will do, and statistics of the sound, too.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from avfake.environment import require
from avfake.models import AudioBranch

CELLS = 8
"""Cells along each axis (bands, times), each attenuated in turn; the time is quadratic in them."""
ATTENUATED = 0.1
"""Amplitude that is left, -20 dB: silence would be an artefact of its own."""


def sound_saliency(branch: AudioBranch, sound: Tensor) -> Tensor:
    """[M, bands, times] float32: what the window's logit of a forged voice loses without each
    place, below zero where it gains.

    Args:
        sound: [M, N] float32 mono, on the device of the branch
    """
    config = branch.config.spectrogram
    by_bin = _bins_of_cells(branch)  # [bins, CELLS]
    window = torch.hann_window(config.n_fft, device=sound.device)
    hop = config.n_fft // 4
    spectra = torch.stft(sound, config.n_fft, hop, window=window, return_complex=True)

    def logit(left: Tensor) -> Tensor:
        """[M, CELLS of bands, CELLS of times] amplitudes that are left -> [M]"""
        times = F.interpolate(left, spectra.shape[-1], mode="nearest")
        changed = spectra * (by_bin @ times)
        heard = torch.istft(changed, config.n_fft, hop, window=window, length=sound.shape[1])
        items = branch.encoder.project(branch.features(heard)).float()
        logits: Tensor = branch.encoder.item_logit(items).squeeze(-1)
        return logits

    whole = sound.new_ones(len(sound), CELLS, CELLS)
    with torch.no_grad():
        lost = (
            require("captum.attr", "report")
            .FeatureAblation(logit)
            .attribute(whole, baselines=ATTENUATED)
        )
    size = (config.num_bands, 1 + sound.shape[1] // config.hop)
    placed = F.interpolate(lost[:, None].float(), size, mode="bilinear", align_corners=False)
    return placed[:, 0]


def _bins_of_cells(branch: AudioBranch) -> Tensor:
    """[bins, CELLS]: 1 where the band nearest to a bin lies in a cell."""
    middles = branch.spectrogram.band_hz  # [bands]
    config = branch.config.spectrogram
    bins = torch.linspace(0, config.sample_rate / 2, config.n_fft // 2 + 1).to(middles)
    nearest = torch.bucketize(bins, (middles[1:] + middles[:-1]) / 2)
    return F.one_hot(nearest * CELLS // len(middles), CELLS).to(middles)
