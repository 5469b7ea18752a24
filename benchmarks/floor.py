"""The floor: what no way of answering for a file can avoid.

Bare decoding by PyAV (every packet up to the last wanted frame, only wanted frames converted; the
sound in the same pass), and bare forward passes of the networks in the fastest runtime there is,
chosen by measurement: PyTorch in float32, bfloat16 or with avfake's int8 products, OpenVINO in
float32 or bfloat16, one or several items at once. No faces are
searched for, nothing is cropped, stored or decided.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import av
import numpy as np
import torch
from torch import Tensor, nn

from avfake.models.converted import openvino_core
from avfake.models.inference import int8_copy
from avfake.models.int8 import Int8Linear, has_int8_products
from avfake.threads import num_parts, run_each
from benchmarks.measuring import cost

BATCHES = (1, 4, 16)
"""Items that are given at once, of which the fastest number is taken; all where there are fewer."""
SIDE_BY_SIDE = 4
"""More items than these pass PyTorch in parts of this size at most, each on one thread."""
NUM_TRIED = 4
"""Least number of items on which runtimes are compared."""

NUM_TRIES = 2
MAX_ERROR = 0.1
"""Largest difference of a feature, as a share of the largest; a runtime further off computes
something else."""

Forward = Callable[[Tensor], np.ndarray]


def decode(video: Path, at_seconds: Sequence[float], sample_rate: int, *, threads: int) -> int:
    """Decode picture and sound in one pass; return the number of frames that were converted."""
    wanted, converted = sorted(at_seconds), 0
    with av.open(str(video)) as container:
        pictures, sounds = container.streams.video[0], container.streams.audio[0]
        pictures.thread_type, pictures.codec_context.thread_count = "AUTO", threads
        resampler = av.AudioResampler("flt", "mono", sample_rate)
        for packet in container.demux(pictures, sounds):
            if packet.stream is sounds:
                for sound in packet.decode():
                    for part in resampler.resample(sound):
                        part.to_ndarray()
            elif converted < len(wanted):
                for frame in packet.decode():
                    # The frame that is shown at the wanted time, or its neighbour: alike to decode.
                    if converted < len(wanted) and frame.time >= wanted[converted]:
                        frame.to_ndarray(format="rgb24")
                        converted += 1
    return converted


@dataclass(frozen=True)
class Bare:
    """A network in one runtime."""

    runtime: str
    batch: int
    forward: Forward

    def __str__(self) -> str:
        return f"{self.runtime}, {self.batch} at once"

    def __call__(self, items: Tensor) -> None:
        for part in items.split(self.batch):
            self.forward(part)


def fastest(network: nn.Module, items: Tensor, *, threads: int) -> Bare:
    """Return the network in the runtime that takes the least time for these items.

    items: [M, ...] what the network reads, float32, M > 0
    """
    timed: list[tuple[float, Bare]] = []
    for runtime, make in RUNTIMES.items():
        forward = make(network, items[:2], threads)
        for batch in sorted({min(b, len(items)) for b in BATCHES}) if forward else ():
            bare, some = Bare(runtime, batch, forward), items[: max(batch, NUM_TRIED)]
            try:
                bare(some)  # the first pass of a shape plans
            except RuntimeError as error:  # a converted network may allow one size alone
                print(f"    {bare}: {error!r:.100}", flush=True)
                continue
            spent = min(cost(partial(bare, some)).wall_seconds for _ in range(NUM_TRIES))
            timed.append((spent / len(some), bare))
    timed.sort(key=lambda pair: pair[0])
    for seconds, bare in timed[:3]:
        print(f"    {bare}: {1000 * seconds:.1f} ms each", flush=True)
    return timed[0][1]


def in_torch(network: nn.Module, dtype: torch.dtype) -> Forward:
    """Return a forward pass in PyTorch, channels last."""

    def of_part(items: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
            return network(items).float()

    @torch.inference_mode()
    def forward(items: Tensor) -> np.ndarray:
        if items.ndim == 4:
            items = items.contiguous(memory_format=torch.channels_last)
        if len(items) <= SIDE_BY_SIDE:
            return of_part(items).numpy()
        parts = items.tensor_split(num_parts(len(items), SIDE_BY_SIDE))
        return torch.cat(run_each(of_part, parts)).numpy()

    return forward


def in_int8(network: nn.Module, _: Tensor, __: int) -> Forward | None:
    """Return a forward pass with int8 products, where weights were rounded to it."""
    made = int8_copy(network) if has_int8_products() else network
    has_any = any(isinstance(module, Int8Linear) for module in made.modules())
    return in_torch(made, torch.float32) if has_any else None


def in_openvino(
    precision: str, network: nn.Module, example: Tensor, threads: int
) -> Forward | None:
    """Return a forward pass in OpenVINO, where it is installed and computes the same."""
    try:
        import openvino
    except ModuleNotFoundError:
        return None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of the tracer, about shapes; the result is checked
            converted = openvino.convert_model(network, example_input=example)
    except Exception as error:  # noqa: BLE001  (of many kinds; the network has other runtimes)
        print(f"    OpenVINO does not read it: {error!r:.200}", flush=True)
        return None
    settings = {
        "INFERENCE_PRECISION_HINT": precision,
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
    }
    compiled = openvino_core().compile_model(converted, "CPU", settings)

    def forward(items: Tensor) -> np.ndarray:
        found: np.ndarray = compiled(items.numpy())[0]
        return found

    wanted = in_torch(network, torch.float32)(example)
    error = np.abs(forward(example) - wanted).max() / np.abs(wanted).max()
    if error > MAX_ERROR:
        print(f"    OpenVINO {precision} is off by {error:.3f} of the largest feature", flush=True)
        return None
    return forward


RUNTIMES: dict[str, Callable[[nn.Module, Tensor, int], Forward | None]] = {
    "PyTorch float32": lambda network, _, __: in_torch(network, torch.float32),
    "PyTorch bfloat16": lambda network, _, __: in_torch(network, torch.bfloat16),
    "PyTorch int8": in_int8,
    "OpenVINO f32": partial(in_openvino, "f32"),
    "OpenVINO bf16": partial(in_openvino, "bf16"),
}
