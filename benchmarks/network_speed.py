"""What a network takes an item, beside what anybody would write and the fastest runtime.

    python -m benchmarks network_speed
    python -m benchmarks network_speed --networks b7 --repeats 3

Random weights for EfficientNets, which take the time of any; the two frozen backbones of the
default detector as they ship. Ways of running them: `plain` = torch in float32, one item at a time
(the peer); `float32` = the same, channels last and batch normalisations folded, by `--batches`
items; `autocast` = torch.autocast in bfloat16 by four; `ours` = the inference form in torch, by
`--batches` items; `openvino` = the inference form in OpenVINO, one at a time (the floor). Median
seconds an item of CPU time and by the clock, and how far the features are from float32, as a share
of their deviation. The rows are added to benchmarks/results/network_speed.csv.
"""

import importlib.util
import platform
import statistics
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import timm
import torch
from torch import Tensor, nn

from avfake.detector.detector import Detector
from avfake.labels import DEFAULT
from avfake.models.inference import InferenceForm, folded_copy, is_convolutional

RESULTS = Path(__file__).parent / "results" / "network_speed.csv"
EFFICIENTNETS = {"b0": 224, "b4": 380, "b7": 380}
"""Name -> side of the pictures, px."""
Way = tuple[str, int, Callable[[Tensor], Tensor]]
"""Name, items at once, and the function."""


@dataclass(frozen=True)
class Config:
    """What is measured."""

    networks: tuple[str, ...] = (*EFFICIENTNETS, "clip", "whisper")
    batches: tuple[int, ...] = (1, 4, 8)
    repeats: int = 5
    threads: int = 1
    out: Path = RESULTS
    """Table to which the rows are added."""


def main(asked: Config) -> None:
    torch.set_num_threads(asked.threads)
    facts = machine(asked.threads)
    for name in asked.networks:
        network, items = network_and_items(name, max(asked.batches))
        with torch.inference_mode():
            wanted = network(items)
            ways = list(ways_of(network, asked.batches, items))
            rows = [facts | {"network": name} | row for row in measured(ways, items, wanted, asked)]
        for row in rows:
            print({key: row[key] for key in ("network", "way", "batch", "cpu_s", "wall_s", "off")})
        asked.out.parent.mkdir(exist_ok=True)
        table = pd.DataFrame(rows)
        table.to_csv(asked.out, mode="a", header=not asked.out.exists(), index=False)


def network_and_items(name: str, count: int) -> tuple[nn.Module, Tensor]:
    """Return a network in eval mode and random items of its shape."""
    torch.manual_seed(0)
    if name in EFFICIENTNETS:
        network = timm.create_model(f"tf_efficientnet_{name}", pretrained=False, num_classes=0)
        side = EFFICIENTNETS[name]
        return network.eval().requires_grad_(False), torch.randn(count, 3, side, side)
    branch = {"clip": "visual", "whisper": "audio"}[name]
    model = Detector.from_pretrained(DEFAULT, device="cpu").members[0].models[0]
    items = torch.randn(count, 3, 224, 224) if name == "clip" else 0.1 * torch.randn(count, 32_000)
    return model.frozen[branch].network, items


def ways_of(network: nn.Module, batches: list[int], items: Tensor) -> Iterator[Way]:
    """Yield each way of running a network."""
    yield "plain", 1, network
    folded = folded_copy(network, items[:1]).to(memory_format=torch.channels_last)
    for batch in batches:
        yield "float32", batch, folded
    if torch.ops.mkldnn._is_mkldnn_bf16_supported():
        yield "autocast", 4, with_autocast(network)
    form = InferenceForm(network, "torch")
    for batch in batches:
        yield "ours", batch, form
    if is_convolutional(network) and importlib.util.find_spec("openvino"):
        yield "openvino", 1, InferenceForm(network, "openvino")


def with_autocast(network: nn.Module) -> Callable[[Tensor], Tensor]:
    def run(items: Tensor) -> Tensor:
        with torch.autocast("cpu", torch.bfloat16):
            features: Tensor = network(items)
        return features

    return run


def measured(
    ways: list[Way], items: Tensor, wanted: Tensor, asked: Config
) -> Iterator[dict[str, object]]:
    """Yield a row for each way; they take turns, so that other work slows all alike."""
    differences, costs = [], [[] for _ in ways]
    for name, batch, run in ways:
        given = laid_out(items[:batch], name)
        started = time.perf_counter()
        found = run(given)
        print(f"{name} by {batch}: the first call took {time.perf_counter() - started:.1f} s")
        differences.append(float((found.float() - wanted[:batch]).std() / wanted[:batch].std()))
    for _ in range(asked.repeats):
        for (name, batch, run), cost in zip(ways, costs, strict=True):
            given = laid_out(items[:batch], name)
            used, started = time.process_time(), time.perf_counter()
            run(given)
            ended = time.process_time(), time.perf_counter()
            cost.append(((ended[0] - used) / batch, (ended[1] - started) / batch))
    for (name, batch, _), cost, off in zip(ways, costs, differences, strict=True):
        cpu, wall = (statistics.median(one[i] for one in cost) for i in (0, 1))
        row = {"way": name, "batch": batch, "cpu_s": round(cpu, 4), "wall_s": round(wall, 4)}
        yield row | {"off": float(f"{off:.2g}"), "repeats": asked.repeats}


def laid_out(items: Tensor, way: str) -> Tensor:
    """Return pictures as a way gets them: channels last, but for the plain one."""
    if items.ndim < 4 or way == "plain":
        return items.contiguous()
    return items.contiguous(memory_format=torch.channels_last)


def machine(threads: int) -> dict[str, object]:
    """Return what the figures depend on."""
    cpu = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    git = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--dirty"]
    has_openvino = importlib.util.find_spec("openvino")
    return {
        "commit": subprocess.run(git, capture_output=True, text=True).stdout.strip(),
        "cpu": cpu[0] if cpu else platform.processor(),
        "bfloat16": torch.ops.mkldnn._is_mkldnn_bf16_supported(),
        "threads": threads,
        "torch": torch.__version__,
        "openvino": __import__("openvino").__version__ if has_openvino else "",
    }
