"""The inference form of a network: the same features without gradients, in less time on a CPU.

Batch normalisations are folded into the convolutions before them, linear layers of frozen networks
multiply in int8 where the processor has instructions for it (`models.int8`), and a convolutional
network runs in OpenVINO where that is installed (`models.converted`). Made from the weights as they
are at the first call. The network itself stays as it is: the training of its weights, heat maps by
gradients and bundles use that.
[M, ...] on the CPU -> float32 [M, F].
"""

import copy
import importlib.util
import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights

from avfake.errors import check_choice, require
from avfake.models.int8 import has_int8_products, in_int8
from avfake.threads import run_each

logger = logging.getLogger(__name__)
RUNTIMES = ("auto", "torch", "openvino")
RUNTIME_VARIABLE = "AVFAKE_RUNTIME"
BATCH_NORMS = nn.modules.batchnorm._BatchNorm
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

    Measured on one thread (benchmarks/network_speed.py): EfficientNets take 0.6 to 0.8 of the time
    of torch in float32, and Whisper's encoder 9 times as long.
    """
    sizes = [(m, p.numel()) for m in network.modules() for p in m.parameters(recurse=False)]
    convolved = sum(size for module, size in sizes if isinstance(module, nn.Conv2d))
    return 2 * convolved > sum(size for _, size in sizes)


class InferenceForm:
    """A network without gradients, made at the first call."""

    def __init__(self, network: nn.Module, runtime: str) -> None:
        """
        Args:
            network: in eval mode; stays as it is, and must not change any more
            runtime: torch or openvino; only convolutional networks run in OpenVINO
        """
        self.network, self.asked = network, runtime
        self.runtime = runtime if is_convolutional(network) else "torch"
        self._made: dict[tuple[int, ...], Callable[[Tensor], Tensor]] = {}
        self._making = threading.Lock()

    def __reduce__(self) -> tuple[Any, ...]:
        # A copy makes it again: what OpenVINO compiled can be neither copied nor pickled.
        return InferenceForm, (self.network, self.asked)

    def __call__(self, items: Tensor) -> Tensor:
        # What torch runs reads any shape, what OpenVINO runs the one it was converted for.
        shape = tuple(items.shape[1:]) if self.runtime == "openvino" else ()
        with torch.autocast("cpu", enabled=False):
            with self._making:
                if shape not in self._made:
                    self._made[shape] = self._make(items[:1])
            return self._made[shape](items)

    def _make(self, example: Tensor) -> Callable[[Tensor], Tensor]:
        self.network.to(example.device)  # a frozen one may have run on a GPU for another model
        folded = folded_copy(self.network, example)
        if self.runtime == "openvino":
            from avfake.models.converted import ConversionError, ConvertedNetwork

            try:
                return ConvertedNetwork(folded, example)
            except ConversionError as error:
                logger.warning("OpenVINO cannot run %s: %s", type(self.network).__name__, error)
        return int8_copy(folded) if has_int8_products() else folded


def folded_copy(network: nn.Module, example: Tensor) -> nn.Module:
    """Return a copy with batch normalisations folded into convolutions, without gradients.

    Which convolution feeds which normalisation is seen while the example passes. A copy that gives
    other features, as when the convolution is read twice, is not folded.
    """
    folded = _plain_copy(network)
    if not any(isinstance(module, BATCH_NORMS) for module in network.modules()):
        return folded
    with torch.inference_mode():
        pairs = _convolutions_before_norms(folded, example)
        for convolution, norm in pairs.items():
            _fold(convolution, norm)
        # timm's normalisation includes the activation that follows.
        after = {norm: getattr(norm, "act", nn.Identity()) for norm in pairs.values()}
        for module in list(folded.modules()):
            for name, child in list(module.named_children()):
                if child in after:
                    setattr(module, name, after[child])
        wanted = network(example)
        off = (folded(example) - wanted).abs().max()
    return folded if off <= FOLDED_ERROR * wanted.abs().max() else _plain_copy(network)


def int8_copy(network: nn.Module) -> nn.Module:
    """Return a copy whose linear layers multiply in int8 where their weights were rounded to it."""
    made = _plain_copy(network)
    linear = {name: m for name, m in made.named_modules() if name and type(m) is nn.Linear}
    with torch.inference_mode():
        layers = run_each(in_int8, [*linear.values()])
    for name, layer in zip(linear, layers, strict=True):
        if layer is not None:
            made.set_submodule(name, layer)
    return made


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
        elif isinstance(module, BATCH_NORMS) and module.track_running_stats:
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
