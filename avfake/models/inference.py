"""The inference form of a network: the same features without gradients, in less time on a CPU.

Batch normalisations are folded into the convolutions before them, weights of products in bfloat16
are converted once instead of at every call, and a convolutional network runs in OpenVINO where that
is installed (`models.converted`). Made from the weights as they are at the first call; the network
itself, which training, heat maps by gradients and bundles use, stays as it is.
[M, ...] on the CPU -> float32 [M, F].
"""

import copy
import importlib.util
import logging
import os
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from avfake.errors import check_choice, require
from avfake.models.frozen import InFloat32, has_fast_bfloat16

logger = logging.getLogger(__name__)
RUNTIMES = ("auto", "torch", "openvino")
RUNTIME_VARIABLE = "AVFAKE_RUNTIME"
FOLDED_ERROR = 1e-3
"""Largest difference by folding, as a share of the largest feature."""


def runtime_of(asked: str | None = None) -> str:
    """Return torch or openvino; asked: one of `RUNTIMES`, None = AVFAKE_RUNTIME, or auto.

    ConfigError for another name, or for openvino where it is not installed.
    """
    wanted = asked or os.environ.get(RUNTIME_VARIABLE) or "auto"
    check_choice(f"runtime ({RUNTIME_VARIABLE})", wanted, RUNTIMES)
    if wanted == "openvino":
        require("openvino", "openvino")
    if wanted == "auto":
        wanted = "openvino" if importlib.util.find_spec("openvino") else "torch"
    return wanted


def convolutions() -> tuple[type, ...]:
    """Return the exact types of convolutions: a subclass may compute its weights."""
    own = (nn.Conv1d, nn.Conv2d)
    # No network of timm is there before timm is, and importing it takes a second.
    return (*own, sys.modules["timm.layers"].Conv2dSame) if "timm.layers" in sys.modules else own


def is_convolutional(network: nn.Module) -> bool:
    """Return whether most weights are convolutions of pictures, which OpenVINO computes faster.

    Measured on one thread with bfloat16 (benchmarks/network_speed.py): EfficientNets take 0.7 of
    the time of torch, a vision transformer 0.9, and Whisper's encoder 20 times as long.
    """
    sizes = [(m, p.numel()) for m in network.modules() for p in m.parameters(recurse=False)]
    convolved = sum(size for module, size in sizes if isinstance(module, nn.Conv2d))
    return 2 * convolved > sum(size for _, size in sizes)


class InferenceForm:
    """A network without gradients, made at the first call."""

    def __init__(self, network: nn.Module, runtime: str, *, bfloat16: bool = True) -> None:
        """
        Args:
            network: in eval mode; stays as it is, and must not change any more
            runtime: torch or openvino; only convolutional networks run in OpenVINO
            bfloat16: use it where the CPU multiplies in it
        """
        self.network, self.asked, self.bfloat16 = network, runtime, bfloat16
        self.runtime = runtime if is_convolutional(network) else "torch"
        self._made: dict[tuple[int, ...], Callable[[Tensor], Tensor]] = {}
        self._making = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        # A copy makes it again: what OpenVINO compiled can be neither copied nor pickled.
        return partial(InferenceForm, bfloat16=self.bfloat16), (self.network, self.asked)

    def __call__(self, items: Tensor) -> Tensor:
        # What torch runs reads any shape, what OpenVINO runs the one it was converted for.
        shape = tuple(items.shape[1:]) if self.runtime == "openvino" else ()
        with self._making:
            if shape not in self._made:
                self._made[shape] = self._make(items[:1])
        return self._made[shape](items)

    def _make(self, example: Tensor) -> Callable[[Tensor], Tensor]:
        fast = self.bfloat16 and has_fast_bfloat16("cpu")
        self.network.to(example.device)  # a frozen one may have run on a GPU for another model
        folded = folded_copy(self.network, example)
        if self.runtime == "openvino":
            from avfake.models.converted import ConversionError, ConvertedNetwork

            try:
                return ConvertedNetwork(folded, example, bfloat16=fast)
            except ConversionError as error:
                logger.warning("OpenVINO cannot run %s: %s", type(self.network).__name__, error)
        return _InTorch(folded, bfloat16=fast)


class _InTorch:
    def __init__(self, network: nn.Module, *, bfloat16: bool) -> None:
        self.network, self.bfloat16 = network, bfloat16
        if bfloat16:
            _convert_weights(network)

    def __call__(self, items: Tensor) -> Tensor:
        # Autocast keeps sums and normalisations of transformers in float32.
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bfloat16):
            features: Tensor = self.network(items)
        return features.float()


def folded_copy(network: nn.Module, example: Tensor) -> nn.Module:
    """Return a copy with batch normalisations folded into convolutions, without gradients.

    Which convolution feeds which normalisation is seen while the example passes. A copy that gives
    other features, as when the convolution is read twice, is not folded.
    """
    folded = _plain_copy(network)
    with torch.inference_mode():
        wanted = network(example)
        pairs = _convolutions_before_norms(folded, example)
        for convolution, norm in pairs.items():
            _fold(convolution, norm)
        # timm's normalisation includes the activation that follows.
        after = {norm: getattr(norm, "act", nn.Identity()) for norm in pairs.values()}
        for module in list(folded.modules()):
            for name, child in list(module.named_children()):
                if child in after:
                    setattr(module, name, after[child])
        off = (folded(example) - wanted).abs().max()
        return folded if off <= FOLDED_ERROR * wanted.abs().max() else _plain_copy(network)


def _plain_copy(network: nn.Module) -> nn.Module:
    """Return a copy that shares its weights with the network; they are replaced, never changed."""
    shared: dict[int, Any] = {id(weight): weight for weight in network.parameters()}
    with torch.inference_mode(False):
        return copy.deepcopy(network, shared).eval()


def _convolutions_before_norms(network: nn.Module, example: Tensor) -> dict[nn.Module, nn.Module]:
    """Return convolution -> normalisation of its output, where each runs once."""
    made: dict[int, tuple[nn.Module, Tensor]] = {}  # the tensors are kept, or ids would come again
    seen: list[tuple[nn.Module, nn.Module]] = []

    def note_output(module: nn.Module, _: Any, output: Tensor) -> None:
        made[id(output)] = module, output

    def note_input(module: nn.Module, inputs: tuple[Tensor, ...]) -> None:
        if id(inputs[0]) in made:
            seen.append((made[id(inputs[0])][0], module))

    hooks: list[Any] = []
    for module in network.modules():
        if type(module) in convolutions():
            hooks.append(module.register_forward_hook(note_output))
        elif isinstance(module, nn.modules.batchnorm._BatchNorm) and module.track_running_stats:
            hooks.append(module.register_forward_pre_hook(note_input))
    network(example)
    for hook in hooks:
        hook.remove()
    first, second = ([pair[i] for pair in seen] for i in (0, 1))
    return {a: b for a, b in seen if first.count(a) == second.count(b) == 1}


def _fold(convolution: Any, norm: Any) -> None:
    folding = (norm.running_mean, norm.running_var, norm.eps, norm.weight, norm.bias)
    with torch.inference_mode(False), torch.no_grad():
        weight, bias = fuse_conv_bn_weights(convolution.weight, convolution.bias, *folding)
        layout = torch.channels_last if weight.ndim == 4 else torch.contiguous_format
        laid_out = weight.detach().contiguous(memory_format=layout)
        convolution.weight = nn.Parameter(laid_out, requires_grad=False)
        convolution.bias = nn.Parameter(bias.detach(), requires_grad=False)


def _convert_weights(network: nn.Module) -> None:
    """Convert the weights of products to bfloat16; autocast would do so at every call."""
    for name, module in list(network.named_children()):
        if isinstance(module, InFloat32):
            continue
        if type(module) is nn.Linear:
            setattr(network, name, _HalfLinear(module))
        elif type(module) in convolutions():
            for key, weight in list(module.named_parameters(recurse=False)):
                half = nn.Parameter(weight.detach().to(torch.bfloat16), requires_grad=False)
                module.register_parameter(key, half)
        else:
            _convert_weights(module)


class _HalfLinear(nn.Module):
    """A linear layer that multiplies in bfloat16; weights that were stored in int8 stay exact.

    [..., A] -> float32 [..., B]
    """

    weight: Tensor
    scale: Tensor
    bias: Tensor

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        weight = layer.weight.detach().float()
        scale = weight.abs().amax(dim=1).clamp(min=1e-12) / 127  # as `Frozen.save_state` chose it
        steps = weight / scale[:, None]
        if (steps - steps.round()).abs().max() > 1e-3:  # not stored in int8
            scale, steps = torch.ones_like(scale), weight
        else:
            steps = steps.round()  # bfloat16 holds whole numbers up to 256
        self.register_buffer("weight", steps.to(torch.bfloat16))
        self.register_buffer("scale", scale)
        bias = torch.zeros_like(scale) if layer.bias is None else layer.bias.detach().float()
        self.register_buffer("bias", bias)

    def forward(self, inputs: Tensor) -> Tensor:
        products = F.linear(inputs.to(torch.bfloat16), self.weight)
        return torch.addcmul(self.bias, products.float(), self.scale)
