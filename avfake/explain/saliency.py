"""Which bands and times of a sound window spoke for a forgery.

Integrated gradients (Sundararajan, Taly & Yan 2017, through captum) over the log spectrogram, from
a window that is everywhere at its mean: gradient times input, averaged over the way there, so that
the values of a window add up to what the window adds to the logit.
"""

import torch
from torch import Tensor
from torchvision.transforms.functional import gaussian_blur

from avfake.models import AudioBranch

STEPS = 16
"""Points on the way; the error of the sum falls with their number, and time rises with it."""
SMOOTH_CELLS = 2.0
"""Deviation of the smoothing, in bands and in hops: single cells are noise to the eye."""


def sound_saliency(branch: AudioBranch, sound: Tensor) -> Tensor:
    """[M, bands, times] float32: what each place adds to the window's logit of a forged voice.

    Args:
        sound: [M, N] float32 mono, on the device of the branch
    """
    from captum.attr import IntegratedGradients  # late: only explanations pay for it

    def logit(pictures: Tensor) -> Tensor:
        items = branch.encoder.project(branch.backbone(pictures)).float()
        logits: Tensor = branch.encoder.item_logit(items).squeeze(-1)
        return logits

    with torch.no_grad():
        pictures = branch.spectrogram(sound)  # [M, 1, bands, times]
    added = IntegratedGradients(logit).attribute(pictures, baselines=0.0, n_steps=STEPS)
    size = 2 * round(2 * SMOOTH_CELLS) + 1
    smoothed: Tensor = gaussian_blur(added.detach().float(), [size, size], [SMOOTH_CELLS] * 2)
    return smoothed[:, 0]
