"""A running average of the weights, which often validates better than the weights of any moment."""

import copy

import torch
from torch import nn


class WeightAverage:
    """Exponential moving average of a model's parameters and buffers.

    Reference: Polyak & Juditsky 1992. The decay rises with the number of steps, as
    (1 + n) / (10 + n), so that the random start is soon forgotten.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.model = copy.deepcopy(model).requires_grad_(False).eval()
        self.decay = decay
        self.num_steps = 0

    @torch.no_grad()
    def update(self, model: nn.Module) -> None:
        """Moves the average towards the model as it is now."""
        self.num_steps += 1
        share = 1 - min(self.decay, (1 + self.num_steps) / (10 + self.num_steps))
        for mean, now in zip(
            self.model.state_dict().values(), model.state_dict().values(), strict=True
        ):
            if mean.is_floating_point():
                mean.lerp_(now, share)
            else:
                mean.copy_(now)
