"""Operations that torch cannot write to ONNX, in terms of those that it can.

Own replacements, in force while a graph is traced: torch's exporter knows no complex numbers, no
quantiles and no antialiased resizing. Shapes that they fix (samples of a window, bins, sides of a
crop) are those of the settings; the number of crops and of windows stays free.
"""

from collections import namedtuple
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

Sorted = namedtuple("Sorted", "values")


class Exportable(TorchFunctionMode):
    """Context in which torch's operations are those of this module, where it has them."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        del types
        return REPLACED.get(func, func)(*args, **(kwargs or {}))


def magnitudes(
    input: Tensor,  # noqa: A002  (the names of torch.stft)
    n_fft: int,
    hop_length: int,
    win_length: int | None = None,
    *,
    window: Tensor,
    **options: Any,
) -> Tensor:
    """[M, N] -> [M, n_fft // 2 + 1, times]: the absolute values of a short-time Fourier transform.

    As a convolution with sines and cosines. Whoever takes the absolute value of it next gets the
    same as of the complex numbers.
    """
    if not options.get("center", True) or options.get("normalized", False):
        raise NotImplementedError("only centred transforms that are not normalised")
    missing = n_fft - (win_length or n_fft)
    # In NumPy, so that the graph holds a constant: a convolution must know its kernel.
    weights = np.pad(window.numpy(), (missing // 2, missing - missing // 2))
    angles = 2 * np.pi / n_fft * np.outer(np.arange(n_fft // 2 + 1), np.arange(n_fft))
    waves = np.concatenate([np.cos(angles), np.sin(angles)]) * weights
    padded = F.pad(input.unsqueeze(1), (n_fft // 2, n_fft // 2), mode="reflect")
    found = F.conv1d(padded, _constant(waves[:, None]), stride=hop_length)
    cosines, sines = found.split(n_fft // 2 + 1, dim=1)
    return (cosines.square() + sines.square()).sqrt()


def inverse_of_real(spectrum: Tensor) -> Tensor:
    """[..., bins] real -> [..., 2 * (bins - 1)]: the inverse Fourier transform, which is real."""
    bins = int(spectrum.shape[-1])
    length = 2 * (bins - 1)
    weights = np.full((bins, 1), 2.0)
    weights[[0, -1]] = 1.0
    angles = 2 * np.pi / length * np.outer(np.arange(bins), np.arange(length))
    return spectrum @ _constant(weights * np.cos(angles) / length)


def quantile(values: Tensor, q: float, dim: int, *, keepdim: bool = False) -> Tensor:
    """Interpolate linearly between the values in order, as torch does."""
    ordered = values.sort(dim=dim).values
    position = q * (int(values.shape[dim]) - 1)
    low = int(position)
    below = ordered.narrow(dim, low, 1)
    above = ordered.narrow(dim, min(low + 1, int(values.shape[dim]) - 1), 1)
    found = below + (above - below) * (position - low)
    return found if keepdim else found.squeeze(dim)


def nanquantile(values: Tensor, q: Tensor, dim: int) -> Tensor:
    """[M, N] with NaN for what is left out, q [Q], dim 1 -> [Q, M]."""
    if dim != 1 or values.ndim != 2:
        raise NotImplementedError("only quantiles of rows")
    is_left_out = values.isnan()
    ordered = values.masked_fill(is_left_out, torch.finfo(values.dtype).max).sort(dim=1).values
    last = (~is_left_out).sum(dim=1, keepdim=True) - 1
    position = last * q.unsqueeze(0)  # [M, Q]
    low = position.floor()
    below = ordered.gather(1, low.long())
    above = ordered.gather(1, position.ceil().long())
    return (below + (above - below) * (position - low)).T


def median(values: Tensor, dim: int) -> Sorted:
    """Return the lower of the two middle values, as torch does."""
    middle = (int(values.shape[dim]) - 1) // 2
    return Sorted(values.sort(dim=dim).values.select(dim, middle))


def unfold(values: Tensor, dimension: int, size: int, step: int) -> Tensor:
    """[M, N] -> [M, windows, size]"""
    if dimension != 1 or values.ndim != 2:
        raise NotImplementedError("only windows of rows")
    starts = torch.arange(0, int(values.shape[1]) - size + 1, step)
    return values[:, starts.unsqueeze(1) + torch.arange(size)]


def diff(values: Tensor, n: int = 1, dim: int = -1) -> Tensor:
    """Return differences of neighbours, `n` times over."""
    for _ in range(n):
        count = int(values.shape[dim]) - 1
        values = values.narrow(dim, 1, count) - values.narrow(dim, 0, count)
    return values


def tensor_split(values: Tensor, sections: int, dim: int = 0) -> list[Tensor]:
    """Return parts of which the first are longer by one, where it does not come out even."""
    parts = np.array_split(np.arange(int(values.shape[dim])), sections)
    return [values.narrow(dim, int(part[0]), len(part)) for part in parts]


def interpolate(
    input: Tensor,  # noqa: A002  (the names of torch)
    size: tuple[int, int],
    *,
    antialias: bool = False,
    **options: Any,
) -> Tensor:
    """Resize [M, C, H, W] by a matrix for the rows and one for the columns."""
    if not antialias:
        return F.interpolate(input, size, **options)
    rows, columns = (
        _resizing(int(before), after, **options)
        for before, after in zip(input.shape[-2:], size, strict=True)
    )
    return rows @ input @ columns.T


def _resizing(before: int, after: int, **options: Any) -> Tensor:
    """Return [after, before], which resizes a column."""
    identity = torch.eye(before)[None, None]
    return F.interpolate(identity, (after, before), antialias=True, **options)[0, 0]


def batch_norm(values: Tensor, mean: Tensor, var: Tensor, *rest: Any, **options: Any) -> Tensor:
    """Normalise rows of features by arithmetic, since their number is not known to the exporter."""
    if values.ndim != 2:
        return F.batch_norm(values, mean, var, *rest, **options)
    named = dict(zip(("weight", "bias", "training", "momentum", "eps"), rest, strict=False))
    named |= options
    found = (values - mean) / (var + named["eps"]).sqrt()
    if named["weight"] is None:
        return found
    return found * named["weight"] + named["bias"]


def where(condition: Tensor, first: Any, second: Any) -> Tensor:
    """Choose between truth values by logic, for which ONNX Runtime has no choice."""
    if isinstance(first, Tensor) and first.dtype == torch.bool:
        return (condition & first) | (~condition & second)
    return torch.where(condition, first, second)


def attention(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    *settings: Any,
    key_padding_mask: Tensor,
    **options: Any,
) -> tuple[Tensor, None]:
    """Attend as `nn.MultiheadAttention`, whose own code fixes the number of items while traced.

    query [L, B, E], key and value [S, B, E], key_padding_mask float [B, S] to be added.
    """
    del options
    _, num_heads, in_weight, in_bias, *_, out_weight, out_bias = settings
    weights, biases = in_weight.chunk(3), in_bias.chunk(3)
    projected = [
        F.linear(one, weight, bias).unflatten(-1, (num_heads, -1)).permute(1, 2, 0, 3)
        for one, weight, bias in zip((query, key, value), weights, biases, strict=True)
    ]  # each [B, heads, L or S, E / heads]
    asked, offered, given = projected
    scores = asked @ offered.transpose(2, 3) / int(asked.shape[-1]) ** 0.5
    shares = (scores + key_padding_mask[:, None, None]).softmax(dim=-1)
    attended = (shares @ given).permute(2, 0, 1, 3).flatten(2)
    return F.linear(attended, out_weight, out_bias), None


def _constant(values: np.ndarray) -> Tensor:
    return torch.from_numpy(values.astype(np.float32))


REPLACED: dict[Any, Callable[..., Any]] = {
    torch.stft: magnitudes,
    torch.fft.irfft: inverse_of_real,
    torch.Tensor.quantile: quantile,
    torch.Tensor.nanquantile: nanquantile,
    torch.Tensor.median: median,
    torch.Tensor.unfold: unfold,
    torch.Tensor.diff: diff,
    torch.Tensor.tensor_split: tensor_split,
    F.interpolate: interpolate,
    F.batch_norm: batch_norm,
    F.multi_head_attention_forward: attention,
    torch.where: where,
}
"""Operation of torch -> its replacement, for the arguments that avfake gives."""
