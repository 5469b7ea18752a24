"""Linear layers of a frozen network, multiplied in int8 without an error that matters.

The weights of a frozen network have one int8 step and one scale a row (`Frozen`), so int8 holds
them exactly. 8 bits are too few for inputs (they moved probabilities by .044), so an input is
written with 16: as 256 times a first byte and a second byte, which are multiplied one after the
other. Sums are whole numbers, exact in any order; only inputs are rounded, to 1 / 65,024 of the
range of their row. Where the processor has instructions for int8 (AVX-512 VNNI), two products and
the rounding take two thirds of the time of one in float32 (`benchmarks/network_speed.py`).
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
    steps = torch.arange(32 * 64, device="cpu").remainder(255).view(32, 64) - 127
    inputs = torch.linspace(-1, 1, 5 * 64, dtype=torch.float64, device="cpu").view(5, 64)
    inputs = (LARGEST * inputs / inputs.abs().amax(1, keepdim=True)).round()
    ones = torch.ones(32, dtype=torch.float32, device="cpu")
    found = Int8Linear(steps.to(torch.int8), ones, None)(inputs)
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
    return Int8Linear(torch.cat(parts), scale, layer.bias)


def _largest(rows: Tensor) -> Tensor:
    """Return the largest absolute value of each row: [N, A] -> [N]."""
    return torch.maximum(rows.amax(dim=1), -rows.amin(dim=1))


class Int8Linear(nn.Module):
    """A linear layer with weights in int8."""

    def __init__(self, steps: Tensor, scale: Tensor, bias: Tensor | None) -> None:
        """
        Args:
            steps: int8 [B, A], weights in steps, -127 to 127
            scale: float32 [B], size of a step in each row
            bias: float32 [B]
        """
        super().__init__()
        # In the order that the processor reads, which cannot be copied or stored.
        self.packed = torch.ops.onednn.qlinear_prepack(steps, None)
        self.scale, self.zeros = scale, torch.zeros_like(scale, dtype=torch.int64)
        self.bias = torch.zeros_like(scale) if bias is None else bias.detach().float()

    def forward(self, inputs: Tensor) -> Tensor:
        """[..., A] -> float32 [..., B]"""
        rows = inputs.reshape(-1, inputs.shape[-1]).float()
        per_unit = LARGEST / _largest(rows).clamp(min=1e-30)[:, None]
        whole = (rows * per_unit).round_().to(torch.int16)
        first = (whole >> 8).add_(BYTE_ZERO).to(torch.uint8)
        sums = self._product(first, 256.0, BYTE_ZERO, None)
        sums = self._product(whole.to(torch.uint8), 1.0, 0, sums)
        return torch.addcdiv(self.bias, sums, per_unit).view(*inputs.shape[:-1], -1)

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
