"""How long the first answer of a process takes, beside what it cannot do without.

    python -m benchmarks cold_start VIDEO --keep benchmarks/results/cold_start.csv

Takes turns, `--repeats` times, each in a process of its own: Python alone, `import avfake`,
`avfake --help`, `import torch`, and `avfake predict VIDEO`; and in this process a prediction after
a first one. All in one run, since machines and their load differ: only the ratios are compared.
CPU seconds of all threads, and seconds by the clock, which other work on the machine lengthens.
"""

import csv
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

ROOT = Path(__file__).resolve().parents[1]
START, AVFAKE, HELP = "python alone", "import avfake", "avfake --help"
TORCH, WARM, COLD = "import torch", "prediction, warm", "avfake predict, cold"
FLOOR = f"{TORCH} + {WARM}"


@dataclass(frozen=True)
class Config:
    """What is measured."""

    video: Annotated[Path, tyro.conf.Positional]
    """A file with a face and a voice."""
    repeats: int = 5
    threads: int = 2
    keep: Path | None = None
    """Table to append the medians to (.csv)."""


@dataclass(frozen=True)
class Cost:
    """Measured for one call."""

    clock_seconds: float
    cpu_seconds: float


def main(config: Config) -> None:
    import torch

    from avfake import Detector

    torch.set_num_threads(config.threads)
    detector, python = Detector.default(device="cpu"), sys.executable
    detector.predict(config.video)
    calls: dict[str, Callable[[], object]] = {
        START: lambda: run(config, python, "-c", "pass"),
        AVFAKE: lambda: run(config, python, "-c", "import avfake"),
        HELP: lambda: run(config, python, "-m", "avfake", "--help"),
        TORCH: lambda: run(config, python, "-c", "import torch"),
        WARM: lambda: detector.predict(config.video),
        COLD: lambda: run(config, python, "-m", "avfake", "predict", str(config.video)),
    }
    costs: dict[str, list[Cost]] = {}
    for _ in range(config.repeats):
        for name, call in calls.items():
            costs.setdefault(name, []).append(cost(call))
    rows = [row(name, some) for name, some in costs.items()]
    rows.append(ratio(costs))
    for one in rows:
        print(f"{one['what']:42}", *(f"{name} {one[name]:7}" for name in ("cpu", "clock")))
    if config.keep is not None:
        write(config.keep, [one | facts(config) for one in rows])


def run(config: Config, *command: str) -> None:
    """Run a command to its end without showing what it prints."""
    env = os.environ | {"OMP_NUM_THREADS": str(config.threads)}
    subprocess.run(command, env=env, check=True, capture_output=True)


def cost(call: Callable[[], object]) -> Cost:
    start, used = time.perf_counter(), cpu_seconds()
    call()
    return Cost(time.perf_counter() - start, cpu_seconds() - used)


def cpu_seconds() -> float:
    """Return the CPU time of this process and of those that it has waited for."""
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(one.ru_utime + one.ru_stime for one in map(resource.getrusage, whose))


def row(name: str, costs: list[Cost]) -> dict[str, object]:
    cpu = statistics.median(one.cpu_seconds for one in costs)
    clock = statistics.median(one.clock_seconds for one in costs)
    return {"what": name, "cpu": round(cpu, 3), "clock": round(clock, 3)}


def ratio(costs: dict[str, list[Cost]]) -> dict[str, object]:
    """Return the median, over the rounds, of a cold answer over importing torch and a warm one."""
    rounds = list(zip(costs[COLD], costs[TORCH], costs[WARM], strict=True))
    found = [
        Cost(
            cold.clock_seconds / (torch.clock_seconds + warm.clock_seconds),
            cold.cpu_seconds / (torch.cpu_seconds + warm.cpu_seconds),
        )
        for cold, torch, warm in rounds
    ]
    return row(f"{COLD} / ({FLOOR})", found)


def facts(config: Config) -> dict[str, object]:
    """Return what the numbers depend on: file, repeats, hardware, commit."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if sys.platform == "linux" else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    git = ["git", "-C", str(ROOT), "describe", "--always", "--dirty=+"]
    commit = subprocess.run(git, capture_output=True, text=True, check=False).stdout.strip()
    return {
        "video": config.video.name,
        "repeats": config.repeats,
        "threads": config.threads,
        "hardware": f"{(models or [platform.processor()])[0]}, {os.cpu_count()} cores",
        "commit": commit or "unknown",
    }


def write(path: Path, rows: list[dict[str, object]]) -> None:
    """Append rows to a table."""
    is_new = not path.exists()
    with path.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerows(rows)
