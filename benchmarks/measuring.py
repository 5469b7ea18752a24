"""Time of a call, by the clock and of the CPU; facts on the machine; rows of a result table.

costs = in_turns({"decode": decode, "predict": predict}, repeats=5)
keep(Path("speed.csv"), [row("decode", costs["decode"]) | machine(threads=2)], keys=("what",))
"""

import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

RESULTS = Path(__file__).parent / "results"
UNITS = ("amx_bf16", "avx512_bf16", "amx_int8", "avx512_vnni", "avx512f", "avx2")
"""Flags of a processor that decide over the speed of networks."""


@dataclass(frozen=True)
class Cost:
    """What one call took."""

    wall_seconds: float
    """By the clock, which other work on the machine lengthens."""
    cpu_seconds: float
    """CPU time of all threads, and of processes that were waited for."""

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.wall_seconds + other.wall_seconds, self.cpu_seconds + other.cpu_seconds)

    def over(self, other: "Cost") -> "Cost":
        """Return the ratios of both times."""
        return Cost(
            self.wall_seconds / max(other.wall_seconds, 1e-9),
            self.cpu_seconds / max(other.cpu_seconds, 1e-9),
        )


def cost(call: Callable[[], object]) -> Cost:
    started, used = time.perf_counter(), cpu_seconds()
    call()
    return Cost(time.perf_counter() - started, cpu_seconds() - used)


def cpu_seconds() -> float:
    whose = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, whose))


def in_turns(
    calls: Mapping[str, Callable[[], object]], repeats: int, *, warm_up: bool = True
) -> dict[str, list[Cost]]:
    """Return the costs of each call: all calls once, then all again, so that other work on the
    machine reaches each alike.

    warm_up: each is called once before, uncounted, since a first call loads more
    """
    for call in calls.values() if warm_up else ():
        call()
    found: dict[str, list[Cost]] = {name: [] for name in calls}
    for _ in range(repeats):
        for name, call in calls.items():
            found[name].append(cost(call))
    return found


def row(costs: Sequence[Cost], **named: object) -> dict[str, Any]:
    """Return a row of a table: what was measured, and median, least and most of its costs."""
    found = spread([c.wall_seconds for c in costs], **named)
    return found | {"cpu_median": round(statistics.median(c.cpu_seconds for c in costs), 4)}


def spread(values: Sequence[float], **named: object) -> dict[str, Any]:
    """Return a row of values that have no CPU time, such as clips per second."""
    return {
        **named,
        "wall_median": round(statistics.median(values), 4),
        "wall_min": round(min(values), 4),
        "wall_max": round(max(values), 4),
        "cpu_median": "",
        "repeats": len(values),
    }


def machine(*, threads: int) -> dict[str, Any]:
    """Return hardware, threads and commit, as columns of a table."""
    return {"hardware": hardware(), "threads": threads, "commit": commit()}


def hardware() -> str:
    """Return the processor, its cores and its units for matrices."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    try:
        facts = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        facts = ""
    model = re.search(r"model name\s*:\s*(.+)", facts)
    name = model[1].strip() if model else platform.processor() or platform.machine()
    flags = re.search(r"flags\s*:\s*(.+)", facts)
    units = [unit for unit in UNITS if flags and unit in flags[1].split()]
    return f"{name}, {cores} cores, {' '.join(units[:2]) or 'units unknown'}"


def commit() -> str:
    """Return the commit of this checkout, with a + where files differ from it."""
    command, here = ["git", "describe", "--always", "--abbrev=12", "--dirty=+"], RESULTS.parent
    try:
        found = subprocess.check_output(command, cwd=here, stderr=subprocess.DEVNULL, text=True)
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.strip()


def keep(path: Path, rows: Sequence[Mapping[str, Any]], *, keys: Sequence[str]) -> None:
    """Write rows into a CSV; they replace those that are equal in the columns `keys`."""
    from avfake.storage import write_whole

    new = pd.DataFrame(rows)
    if path.is_file():
        old = pd.read_csv(path, keep_default_na=False)
        known = set(new[list(keys)].astype(str).itertuples(index=False, name=None))
        names = old[list(keys)].astype(str).itertuples(index=False, name=None)
        new = pd.concat([old[[name not in known for name in names]], new])
    write_whole(path, new.to_csv(index=False))


def quiet(command: Sequence[object], env: Mapping[str, str] | None = None) -> None:
    """Run a command and forget its output; if it fails, show it."""
    words = [str(part) for part in command]
    done = subprocess.run(words, capture_output=True, text=True, env=env)
    if done.returncode:
        sys.stderr.write(done.stderr[-2000:])
        done.check_returncode()
