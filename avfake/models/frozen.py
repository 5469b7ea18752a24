"""Frozen networks: features of intermediate layers, shared by models and stored once, in int8.

A frozen network is not among the parameters of a model: its weights are neither trained, nor
stored with each model, nor copied.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import torch
from torch import Tensor, nn

if TYPE_CHECKING:
    from avfake.models.inference import InferenceForm

MIN_WEIGHTS = 100_000
"""Smaller tensors are stored as they are."""
SCALE = ".int8_scale"


class LayerFeatures(nn.Module):
    """Mean and deviation over the positions of some layers, and the class token where there is one.

    Features in the middle of a pretrained network carry over to unknown forgeries better than the
    last ones. Own pooling: timm returns the layers unpooled.
    [M, C, H, W] -> [M, feature_dim]
    """

    def __init__(self, network: nn.Module, layers: tuple[int, ...]) -> None:
        """network: of timm, with `forward_intermediates`; layers: indices of blocks or stages."""
        super().__init__()
        self.network, self.layers = network, layers

    def forward(self, pictures: Tensor) -> Tensor:
        read = cast(Callable[..., list[Any]], self.network.forward_intermediates)
        options: dict[str, Any] = {"intermediates_only": True, "stop_early": True}
        if hasattr(self.network, "num_prefix_tokens"):
            options |= {"output_fmt": "NLC", "return_prefix_tokens": True}
        found = read(pictures, list(self.layers), **options)
        return torch.cat([pool_layer(layer) for layer in found], dim=1)

    def extra_repr(self) -> str:
        return f"layers={self.layers}"  # the text of a network tells converted ones apart


def pool_layer(layer: Tensor | tuple[Tensor, Tensor]) -> Tensor:
    """Return [M, K * C] for one layer: [M, C, H, W], or [M, L, C] with its prefix tokens."""
    if isinstance(layer, Tensor):
        return pool_positions(layer.flatten(2).transpose(1, 2))
    positions, prefix = layer
    return torch.cat([prefix[:, 0].float(), pool_positions(positions)], dim=1)


def pool_positions(states: Tensor) -> Tensor:
    """Mean and deviation over the positions: [M, L, C] -> [M, 2 * C] float32."""
    deviation, mean = torch.std_mean(states.float(), dim=1)
    return torch.cat([mean, deviation], dim=1)


class Frozen:
    """A network in eval mode that models share.

    It is no `nn.Module`, so that a model that holds it does not count it among its parameters, and
    copies of the model hold the same network. Its weights are rounded to those that its file will
    hold, so that a model is trained on the features that it will read.
    """

    def __init__(self, network: nn.Module) -> None:
        """network: stays this object; where its weights are on "meta", `load_state` is called."""
        self.network = network.eval().requires_grad_(False)
        self.inference: InferenceForm | None = None
        if not any(weight.is_meta for weight in network.parameters()):
            self.load_state(self.save_state())

    def __deepcopy__(self, _: Any) -> "Frozen":
        return self

    def __call__(self, items: Tensor) -> Tensor:
        """Return features [M, F] in float32, by the network as it is."""
        self.network.to(items.device)
        with torch.autocast(items.device.type, enabled=False):
            features: Tensor = self.network(items)
        return features

    def save_state(self) -> dict[str, Tensor]:
        """Return the weights for a file: matrices as int8 with a scale for each row."""
        stored: dict[str, Tensor] = {}
        for name, entry in self.network.state_dict().items():
            value = entry.cpu().contiguous()
            if value.ndim >= 2 and value.numel() >= MIN_WEIGHTS:
                rows = value.flatten(1).float()
                scale = rows.abs().amax(dim=1).clamp(min=1e-12) / 127
                stored[name] = (rows / scale[:, None]).round().to(torch.int8).view_as(value)
                stored[name + SCALE] = scale
            else:
                stored[name] = value
        return stored

    def load_state(self, stored: dict[str, Tensor]) -> None:
        """Load what `save_state` gave; KeyError or RuntimeError if it does not fit."""
        state = {}
        for name, value in stored.items():
            if name.endswith(SCALE):
                continue
            if value.dtype == torch.int8:
                scale = stored[name + SCALE].view(-1, *[1] * (value.ndim - 1))
                value = value.float().mul_(scale)
            # A release may have stored half precision.
            state[name] = value.float() if value.is_floating_point() else value
        self.inference = None
        self.network.load_state_dict(state, assign=True)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.network.eval().requires_grad_(False)
