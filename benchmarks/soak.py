"""What a process keeps after many predictions: memory, open files, threads, temporary files.

    python -m benchmarks soak --out /tmp/soak
    python -m benchmarks soak --out /tmp/soak --predictions 300

One process asks the default detector for its answers on a few short studio clips, in turn. Every
so many are a row of `benchmarks/results/soak.csv`. Exits with 1 where an answer changes,
a temporary file is left, open files or threads become more, or memory grows by more than 5 % from
the hundredth prediction to the last.
"""

import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avfake.storage import write_whole
from avfake.studio import StudioConfig, build_studio
from benchmarks.measuring import RESULTS, machine

MOST_GROWTH = 1.05
MEGABYTE = 1e6


@dataclass(frozen=True)
class Config:
    """What is predicted, and how often."""

    out: Path
    """Folder for the clips and the temporary files of the process."""
    predictions: int = 2_000
    first: int = 100
    """After so many, memory is taken as settled."""
    every: int = 100
    clips: int = 4
    seconds: float = 1.0
    """Length of each clip."""
    threads: int = 1
    is_inside: bool = False
    """Predict in this process, as the one that was started for it does."""
    results: Path = RESULTS / "soak.csv"


def main(config: Config) -> None:
    videos, folder = config.out / "studio", config.out / "temporary"
    if config.is_inside:
        sys.exit(soak(sorted(videos.glob("*.mp4")), folder, config))
    studio = StudioConfig(config.clips, seconds=config.seconds)
    build_studio(videos, studio, workers=0, show_progress=False)
    folder.mkdir(exist_ok=True)
    env = os.environ | {"TMPDIR": str(folder), "OMP_NUM_THREADS": str(config.threads)}
    flags = [
        *("--out", config.out, "--predictions", config.predictions, "--first", config.first),
        *("--every", config.every, "--threads", config.threads, "--results", config.results),
    ]
    command = [sys.executable, "-m", "benchmarks", "soak", *map(str, flags), "--is-inside"]
    sys.exit(subprocess.call(command, env=env))


def soak(videos: list[Path], folder: Path, config: Config) -> int:
    """Predict so often, write a row now and then, and return the exit code."""
    import pandas as pd

    from avfake import Detector

    detector = Detector.default(device="cpu")
    started, expected, changed = time.process_time(), dict[Path, str](), 0
    rows = [state(0, folder) | {"cpu_seconds": 0.0, "changed_answers": 0}]
    for number in range(1, config.predictions + 1):
        video = videos[number % len(videos)]
        answer = detector.predict(video).to_json()
        changed += expected.setdefault(video, answer) != answer
        if number % config.every == 0 or number in (config.first, config.predictions):
            spent = round(time.process_time() - started, 1)
            rows.append(state(number, folder) | {"cpu_seconds": spent, "changed_answers": changed})
            print(rows[-1], flush=True)
    facts = machine(threads=config.threads)
    write_whole(config.results, pd.DataFrame([row | facts for row in rows]).to_csv(index=False))
    settled = next(row for row in rows if row["predictions"] == config.first)
    growth = rows[-1]["memory_mb"] / settled["memory_mb"]
    print(f"memory after {config.predictions} over that after {config.first}: {growth:.3f}")
    kept = [name for name in ("open_files", "threads") if rows[-1][name] > settled[name]]
    is_clean = not (changed or kept or rows[-1]["temporary_files"])
    return 0 if is_clean and growth <= MOST_GROWTH else 1


def state(number: int, folder: Path) -> dict[str, Any]:
    """Return what this process holds at the moment."""
    import psutil

    process = psutil.Process()
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {
        "predictions": number,
        "memory_mb": round(process.memory_info().rss / MEGABYTE, 1),
        "open_files": process.num_fds(),
        "threads": process.num_threads(),
        "processes": len(process.children(recursive=True)),
        "temporary_files": len(files),
    }
