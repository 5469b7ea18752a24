"""Linear layers of a frozen network, multiplied in int8 without an error that matters.

Each weight of a frozen network is a whole number, -127 to 127, times a scale that its row shares
(`Frozen`), so int8 holds it exactly. 8 bits are too few for inputs (they moved probabilities by
.044), so an input has 16: it is 256 x first byte + second byte. Each byte is multiplied with the
weights, and the results are added. Sums are whole numbers, exact in any order; only inputs are
rounded, to 1 / 65,024 of the range of their row. Where the processor has instructions for int8
(AVX-512 VNNI), CLIP takes 70 % of the time of float32 so (`benchmarks/network_speed.py`).
[..., A] -> float32 [..., B]
"""

from functools import cache

import torch
from torch import Tensor, nn

from avfake.models.frozen import MIN_WEIGHTS

LARGEST = 127 * 256
"""Largest whole number of an input: its first byte is then at most 127."""
BYTE_ZERO = 128
"""Added to the first byte, which has a sign: oneDNN is fast for bytes without one."""
LARGEST_STEP_ERROR = 1e-3
"""Weights further than this from whole steps were not rounded to int8."""
ROWS_AT_ONCE = 128


@cache
def has_int8_products() -> bool:
    """Return whether this processor has instructions for products of int8, and they are right.

    Without AVX-512 VNNI, products are added up in 16 bits, which may be too few. The operators are
    those of torch's quantised networks; where a release of torch has others, float32 is used.
    """
    try:
        return torch.cpu._is_vnni_supported() and _are_products_right()
    except (AttributeError, RuntimeError):
        return False


@torch.inference_mode()
def _are_products_right() -> bool:
    layer = nn.utils.skip_init(nn.Linear, 64, 32, bias=False, device="cpu", dtype=torch.float32)
    steps = torch.arange(32 * 64, device="cpu").remainder(255).view(32, 64) - 127
    inputs = torch.linspace(-1, 1, 5 * 64, dtype=torch.float64, device="cpu").view(5, 64)
    inputs = (LARGEST * inputs / inputs.abs().amax(1, keepdim=True)).round()
    ones = torch.ones(32, dtype=torch.float32, device="cpu")
    found = Int8Linear(layer, steps.to(torch.int8), ones)(inputs)
    wanted = inputs @ steps.double().T
    return bool((found - wanted).abs().max() <= 1e-6 * wanted.abs().max())


def in_int8(layer: nn.Linear) -> "Int8Linear | None":
    """Return a layer that multiplies in int8; None where its weights were not rounded to it."""
    weight = layer.weight.detach().float()
    if weight.numel() < MIN_WEIGHTS:
        return None
    scale = _largest(weight).clamp(min=1e-12) / 127  # as `Frozen.save_state` chose it
    parts = []
    # By parts, which stay in the cache of the processor and take no memory beside the weights.
    for rows, sizes in zip(weight.split(ROWS_AT_ONCE), scale.split(ROWS_AT_ONCE), strict=True):
        steps = rows / sizes[:, None]
        whole = steps.round()
        if steps.sub_(whole).abs_().max() > LARGEST_STEP_ERROR:
            return None
        parts.append(whole.to(torch.int8))
    return Int8Linear(layer, torch.cat(parts), scale)


def _largest(rows: Tensor) -> Tensor:
    """Return the largest absolute value of each row: [N, A] -> [N]."""
    return torch.maximum(rows.amax(dim=1), -rows.amin(dim=1))


class Int8Linear(nn.Module):
    """A linear layer with weights in int8.

    It has the weights in float32 as well, which are those of the layer: some networks of timm read
    them in place of calling the layer.
    """

    def __init__(self, layer: nn.Linear, steps: Tensor, scale: Tensor) -> None:
        """
        Args:
            layer: the same in float32
            steps: int8 [B, A], weights in steps, -127 to 127
            scale: float32 [B], size of a step in each row
        """
        super().__init__()
        self.in_features, self.out_features = layer.in_features, layer.out_features
        self.weight, self.bias = layer.weight, layer.bias
        # In the order that the processor reads, which cannot be copied or stored.
        self.packed = torch.ops.onednn.qlinear_prepack(steps, None)
        self.scale, self.zeros = scale, torch.zeros_like(scale, dtype=torch.int64)
        no_bias = torch.zeros_like(scale)
        self.added = no_bias if layer.bias is None else layer.bias.detach().float()

    def forward(self, inputs: Tensor) -> Tensor:
        """[..., A] -> float32 [..., B]"""
        rows = inputs.reshape(-1, inputs.shape[-1]).float()
        per_unit = LARGEST / _largest(rows).clamp(min=1e-30)[:, None]
        whole = (rows * per_unit).round_().to(torch.int16)
        first = (whole >> 8).add_(BYTE_ZERO).to(torch.uint8)
        sums = self._product(first, 256.0, BYTE_ZERO, None)
        sums = self._product(whole.to(torch.uint8), 1.0, 0, sums)
        found = torch.addcdiv(self.added, sums, per_unit)
        return found.view(*inputs.shape[:-1], self.out_features)

    def _product(self, steps: Tensor, factor: float, zero: int, before: Tensor | None) -> Tensor:
        """Return factor * (steps - zero) times the weights, added to what was there before."""
        weights = (self.packed, self.scale, self.zeros)
        to_float = (1.0, 0, torch.float32)  # scale and zero of the result, and its type
        if before is None:
            return torch.ops.onednn.qlinear_pointwise.default(
                steps, factor, zero, *weights, None, *to_float, "none", [], ""
            )
        return torch.ops.onednn.qlinear_pointwise.binary(
            *(steps, factor, zero, *weights, before, None, *to_float, 1.0, 0, "sum", 1.0),
            *("none", [], ""),
        )
