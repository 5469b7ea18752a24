"""How much memory an answer of the default detector takes at most, on inputs of extreme size.

    python -m benchmarks memory --out bench

Each file is answered for by a process of its own, whose greatest resident memory is taken:
3 hours of 1080p, 8K, 500 faces in each frame, 2 hours of
sound. The files are made in OUT (3 GB), from one encoded piece that is repeated without decoding;
`--remove` deletes each after its turn. Rows go to `benchmarks/results/memory.csv`.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import tyro

from benchmarks.measuring import RESULTS, keep, machine
from benchmarks.sample_videos import encode, painted, repeat, video_of

LIMIT_MB = 1500
"""Most that is allowed, of the file of 3 hours."""
NEEDED_BYTES = 4_000_000_000
"""Free disk space, without which nothing is made."""
PEAK = """
import json, resource, sys, time
from pathlib import Path
from avfake import Detector
detector, started = Detector.default(device="cpu"), time.perf_counter()
verdict = detector.predict(sys.argv[1])
spent = time.perf_counter() - started
status = Path("/proc/self/status")
# VmHWM is of this program alone; ru_maxrss may hold that of the process that started it.
lines = status.read_text().splitlines() if status.is_file() else []
peak = next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), None)
if peak is None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    peak = peak / 1024 if sys.platform == "darwin" else peak
reasons = "; ".join(f"{r.code} {r.detail}".strip() for r in verdict.reasons)
print(json.dumps({"peak_mb": peak / 1024, "seconds": spent, "status": verdict.status,
    "persons": len(verdict.persons), "reasons": reasons}))
"""
"""What the process runs; it writes its facts as its last line."""


@dataclass(frozen=True)
class Config:
    """What is measured."""

    out: Path
    """Folder for the files."""
    file: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """A name of `FILES`; repeat it. All by default."""
    threads: int = 2
    remove: bool = False
    """Delete each file after its turn."""
    results: Path = RESULTS / "memory.csv"


def main(config: Config) -> None:
    names = config.file or tuple(FILES)
    if unknown := set(names) - set(FILES):
        sys.exit(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(FILES)}")
    config.out.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(config.out).free
    if free < NEEDED_BYTES:
        sys.exit(f"{config.out} has {free / 1e9:.1f} GB free, {NEEDED_BYTES / 1e9:.0f} are needed")
    for name in names:
        path = FILES[name](config.out)
        found = peak_of(path, threads=config.threads)
        size = round(path.stat().st_size / 1e6, 1)
        print(
            f"{name:24}{found['peak_mb']:8.0f} MB  {found['seconds']:7.1f} s  {found}", flush=True
        )
        row = {"file": name, "size_mb": size, **found, "limit_mb": limit_of(name)}
        keep(config.results, [row | machine(threads=config.threads)], keys=("file",))
        if config.remove:
            path.unlink()


def limit_of(name: str) -> int | str:
    return LIMIT_MB if name == "3 h of 1080p" else ""


def peak_of(path: Path, *, threads: int) -> dict[str, Any]:
    """Return the greatest resident memory of a process that answers for a file, and the answer."""
    env = os.environ | {"OMP_NUM_THREADS": str(threads)}
    command = [sys.executable, "-c", PEAK, str(path)]
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, text=True)
    if done.returncode:
        return {"peak_mb": float("nan"), "seconds": 0, "status": f"exit code {done.returncode}"}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found | {"peak_mb": round(found["peak_mb"]), "seconds": round(found["seconds"], 1)}


def three_hours(out: Path) -> Path:
    path = out / "3h.mp4"
    if not path.is_file():
        repeat(video_of("1080p", out), path, times=3 * 360)
    return path


def eight_k(out: Path) -> Path:
    """3 s at 10 frames a second."""
    path = out / "8k.mp4"
    if not path.is_file():
        graph = "[0:v]trim=0:3,fps=10,scale=7680:4320[v]"
        encode(painted(out)[:1], path, graph, preset="ultrafast", seconds=3.0)
    return path


def many_faces(out: Path) -> Path:
    """2 s at 10 frames a second, 25 x 20 times the face of one person, each 4 % of the width."""
    path = out / "500_faces.mp4"
    if not path.is_file():
        face = "crop=150:150:165:60,scale=154:154"
        graph = f"[0:v]trim=0:2,fps=10,{face},split=25{pads('c', 25)};"
        graph += f"{pads('c', 25)}hstack=25,split=20{pads('r', 20)};{pads('r', 20)}vstack=20[v]"
        encode(painted(out)[:1], path, graph, preset="ultrafast", seconds=2.0)
    return path


def pads(letter: str, count: int) -> str:
    return "".join(f"[{letter}{number}]" for number in range(count))


def two_hours_of_sound(out: Path) -> Path:
    path = out / "2h.m4a"
    if not path.is_file():
        repeat(video_of("1080p", out), path, times=2 * 360, only_sound=True)
    return path


FILES: dict[str, Callable[[Path], Path]] = {
    "3 h of 1080p": three_hours,
    "8K": eight_k,
    "500 faces": many_faces,
    "2 h of sound": two_hours_of_sound,
}
"""Name -> what makes the file in a folder."""
