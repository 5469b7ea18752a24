"""Maps of face crops and sound windows: what the logit loses without each part.

Occlusion (Zeiler & Fergus 2014, through captum). A part of a crop is hidden under a blur instead of
grey: a grey square is an artefact of its own, a blur removes detail. In a vision transformer, all
cells are hidden by an approximation first, and the strongest then in full. One band of a sound at
one time is attenuated, not cut out, and what that costs is integrated from gradients along the way
(Sundararajan et al. 2017). docs/evaluation.md has the measurements, and the methods that were
compared.
"""

from collections.abc import Callable, Sequence
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

from avfake.errors import require
from avfake.models import AudioBranch, HiddenCells, VisualBranch, is_plain

AnyBranch = TypeVar("AnyBranch", VisualBranch, AudioBranch)
CELLS = 8
"""Parts along each side, each hidden in turn; the time is quadratic in them."""
IN_FULL = 8
"""Cells of a crop whose loss is exact, where that of the others is approximated."""
STEPS = 4
"""Points between the attenuated sound and the whole one at which slopes are taken."""
BLUR_SHARE = 1 / 14
"""Deviation of the blur as a share of the side."""
ATTENUATED = 0.1
"""Amplitude that is left, -20 dB: silence would be an artefact of its own."""


def item_logit(branch: VisualBranch | AudioBranch, features: Tensor) -> Tensor:
    """Return the logits [M] of crops or windows by their features [M, ...]."""
    logits: Tensor = branch.encoder.item_logit(branch.encoder.project(features).float())
    return logits.squeeze(-1)


def mean_logit(branches: Sequence[AnyBranch], features_of: Callable[[AnyBranch], Tensor]) -> Tensor:
    """Return the mean logits [M]; a frozen backbone that the branches share runs once."""
    first = branches[0].frozen
    if first is not None and all(branch.frozen is first for branch in branches):
        features = [features_of(branches[0])] * len(branches)
    else:
        features = [features_of(branch) for branch in branches]
    pairs = zip(branches, features, strict=True)
    return torch.stack([item_logit(branch, one) for branch, one in pairs]).mean(0)


@torch.no_grad()
def face_heat(branches: Sequence[VisualBranch], faces: Tensor) -> Tensor:
    """Return [M, S, S] float32, 0 and up: what the mean logit of each crop loses without a part.

    Args:
        branches: of models of one configuration
        faces: [M, 3, S, S] uint8, on the device of the branches
    """
    pictures = branches[0].normalise(faces)
    # Late: it takes longer than importing torch.
    from torchvision.transforms.functional import gaussian_blur

    side = pictures.shape[-1]
    deviation = side * BLUR_SHARE
    reach = 2 * round(2 * deviation) + 1
    blurred = gaussian_blur(pictures, [reach, reach], [deviation, deviation])
    frozen = branches[0].frozen
    if is_plain(frozen) and all(branch.frozen is frozen for branch in branches):
        lost = _lost_in_transformer(branches, pictures, blurred)
    else:
        lost = _lost(branches, pictures, blurred)
    heat = F.interpolate(lost, faces.shape[-2:], mode="bilinear", align_corners=False)
    return heat[:, 0].relu()


def _lost(branches: Sequence[VisualBranch], pictures: Tensor, blurred: Tensor) -> Tensor:
    """Return [M, 1, h, w]: what the mean logit loses without each of `CELLS` along each side."""
    cell = -(-pictures.shape[-1] // CELLS)
    occlusion = require("captum.attr", "report").Occlusion(
        lambda changed: mean_logit(branches, lambda branch: branch.encode_items(changed))
    )
    lost = occlusion.attribute(
        pictures,
        sliding_window_shapes=(pictures.shape[1], cell, cell),
        strides=(pictures.shape[1], cell, cell),
        baselines=blurred,
    )
    # All pixels of a cell, of every channel, have the same value.
    return F.avg_pool2d(lost[:, :1].float(), cell, ceil_mode=True)


def _lost_in_transformer(
    branches: Sequence[VisualBranch], pictures: Tensor, blurred: Tensor
) -> Tensor:
    """Return the same by `HiddenCells`; the strongest `IN_FULL` cells of each crop are exact."""
    assert branches[0].frozen is not None
    hiding = HiddenCells(branches[0].frozen, CELLS)
    whole = mean_logit(branches, lambda branch: branch.encode_items(pictures))  # [M]
    rows = []
    for before, picture, blur in zip(whole, pictures, blurred, strict=True):
        features = hiding.features(picture, blur)
        lost = before - mean_logit(branches, lambda _, found=features: found)  # type: ignore[misc]
        strongest = lost.topk(min(IN_FULL, len(lost))).indices
        mask = F.one_hot(strongest, len(lost)).view(-1, 1, hiding.cells, hiding.cells)
        hidden = F.interpolate(mask.to(picture), picture.shape[-2:], mode="nearest")
        changed = picture + hidden * (blur - picture)
        exact = mean_logit(branches, lambda branch, one=changed: branch.encode_items(one))  # type: ignore[misc]
        lost = lost + (before - exact - lost[strongest]).mean()  # it tends to be too low
        rows.append(lost.scatter(0, strongest, before - exact))
    return torch.stack(rows).view(-1, 1, hiding.cells, hiding.cells)


def sound_saliency(branches: Sequence[AudioBranch], sound: Tensor) -> Tensor:
    """Return [M, bands, times] float32: what the window's mean logit of a forged voice loses
    without each band at each time, below zero where it gains.

    Args:
        branches: of models of one configuration
        sound: [M, N] float32 mono, on the device of the branches
    """
    config = branches[0].config.spectrogram
    by_bin = _bins_of_cells(branches[0])  # [bins, CELLS]
    window = torch.hann_window(config.n_fft, device=sound.device)
    hop = config.n_fft // 4
    spectra = torch.stft(sound, config.n_fft, hop, window=window, return_complex=True)

    def logit(left: Tensor) -> Tensor:
        """Return logits [M] by the amplitudes that are left [M, CELLS of bands, CELLS of times]."""
        times = F.interpolate(left, spectra.shape[-1], mode="nearest")
        changed = spectra * (by_bin @ times)
        altered = torch.istft(changed, config.n_fft, hop, window=window, length=sound.shape[1])
        return mean_logit(branches, lambda branch: branch.features(altered))

    whole = sound.new_ones(len(sound), CELLS, CELLS)
    lost = torch.zeros_like(whole)
    for share in (torch.arange(STEPS) + 0.5) / STEPS:
        left = (ATTENUATED + (1 - ATTENUATED) * share.item()) * whole
        with torch.enable_grad():
            left.requires_grad_()
            [slope] = torch.autograd.grad(logit(left).sum(), left)
        lost += slope.nan_to_num() * (1 - ATTENUATED) / STEPS
    size = (config.num_bands, 1 + sound.shape[1] // config.hop)
    placed = F.interpolate(lost[:, None].float(), size, mode="bilinear", align_corners=False)
    return placed[:, 0]


def _bins_of_cells(branch: AudioBranch) -> Tensor:
    """Return [bins, CELLS]: 1 where the band nearest to a bin lies in a cell."""
    middles = branch.spectrogram.band_hz  # [bands]
    config = branch.config.spectrogram
    bins = torch.linspace(0, config.sample_rate / 2, config.n_fft // 2 + 1).to(middles)
    nearest = torch.bucketize(bins, (middles[1:] + middles[:-1]) / 2)
    return F.one_hot(nearest * CELLS // len(middles), CELLS).to(middles)
