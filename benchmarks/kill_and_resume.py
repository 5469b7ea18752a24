"""Whether a preparation that is killed again and again ends with the same bytes.

    python -m benchmarks kill_and_resume --out /tmp/resume --num-clips 200 --kills 5
    python -m benchmarks kill_and_resume --out /tmp/resume --engine ray        (once more, on Ray)

Prepares studio clips undisturbed, then again into another folder, killing the whole process group
with SIGKILL at random moments and starting the same command anew. Every archive, the manifest and
the status table of the two folders are compared byte for byte. Exits with 1 where any differs.
"""

import hashlib
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from avfake.studio.build import build_studio
from avfake.studio.plan import StudioConfig

COMPARED = ("manifest.csv", "status.csv")


@dataclass(frozen=True)
class Config:
    """What is prepared and how often it is disturbed."""

    out: Path
    num_clips: int = 200
    kills: int = 5
    workers: int = 2
    engine: Literal["local", "ray"] = "local"
    """Of the disturbed preparation; the undisturbed one is always local."""
    seed: int = 0
    """Of the moments of the kills."""


def main(config: Config) -> None:
    videos, whole = config.out / "studio", config.out / "whole"
    build_studio(videos, StudioConfig(num_clips=config.num_clips, seconds=2), workers=2)
    if not (whole / "status.csv").is_file():
        prepare(videos, whole, config, engine="local").wait()
    disturbed = config.out / f"killed_{config.engine}"
    shutil.rmtree(disturbed, ignore_errors=True)
    rng, kills = random.Random(config.seed), 0
    # Each life ends when another drawn share of the archives is there, and a random while later.
    marks = sorted(rng.sample(range(1, config.num_clips - 5), config.kills))
    for mark in marks:
        process = prepare(videos, disturbed, config, engine=config.engine)
        while process.poll() is None and num_archives(disturbed) < mark:
            time.sleep(0.02)
        time.sleep(rng.uniform(0, 1.5))
        if process.poll() is None:
            kills += 1
        kill(process)
        print(f"killed with {num_archives(disturbed)} archives there", flush=True)
    code = prepare(videos, disturbed, config, engine=config.engine).wait()
    found, expected = digests(disturbed), digests(whole)
    differing = sorted(name for name in found | expected if found.get(name) != expected.get(name))
    print(
        f"{config.engine}: killed {kills} times, last exit code {code}; "
        f"{len(expected)} files, {len(differing)} differ {differing[:5]}"
    )
    sys.exit(bool(differing or code or kills < config.kills))


def prepare(videos: Path, out: Path, config: Config, *, engine: str) -> "subprocess.Popen[bytes]":
    """The command, as a user types it, in a process group of its own."""
    flags = ["--workers", str(config.workers), "--engine", engine]
    command = [sys.executable, "-m", "avfake", "prepare", "studio", str(videos), str(out), *flags]
    return subprocess.Popen(command, start_new_session=True, stderr=subprocess.DEVNULL)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """SIGKILL to the command and all of its group; a Ray of its own dies with its driver."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def num_archives(folder: Path) -> int:
    """Archives written so far."""
    return sum(1 for _ in (folder / "archives").rglob("*.zip"))


def digests(folder: Path) -> dict[str, str]:
    """File name -> SHA-256, of all that must not depend on how often it was begun."""
    files = [*(folder / "archives").rglob("*"), *(folder / name for name in COMPARED)]
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.is_file()
    }
