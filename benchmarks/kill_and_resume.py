"""Whether commands that are killed again and again end with the same bytes.

    python -m benchmarks kill_and_resume --out /tmp/resume                (all five, 20 kills each)
    python -m benchmarks kill_and_resume --out /tmp/resume --verb prepare --clips 200 --kills 5
    python -m benchmarks kill_and_resume --out /tmp/resume --verb prepare --engine ray

Runs studio, prepare, predict, labels and a training of the preset `tiny` undisturbed, then again,
killing the whole process group with SIGKILL at random moments and starting the same command anew.
A run that comes to its end is compared with the undisturbed one, and the next begins from nothing,
until there were enough kills. After each kill every archive, video and array that is there under
its final name is compared as well: none may be half written. Rows go to
`benchmarks/results/kill_and_resume.csv`; exits with 1 where anything differs.
"""

import csv
import hashlib
import io
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal

import tyro

from benchmarks.measuring import RESULTS, keep, machine, quiet

TRAIN = """
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from avfake.cli import run_recipe
from avfake.training import TrainingConfig, train_and_test

@dataclass(frozen=True)
class Config:
    clips: str
    out: Path

def main(config):
    tiny = TrainingConfig.preset("tiny")
    tiny = replace(tiny, fit=replace(tiny.fit, epochs=3))
    train_and_test("tiny", [config.clips], tiny, config.out)

run_recipe(main, Config, None)
"""
"""A recipe: trains two members for three epochs each, and tests."""
WHOLE_KINDS = (".zip", ".mp4", ".npz")
TIMED = ("metrics.jsonl", "result.json", "environment.json", "journal.jsonl", ".journal.jsonl")
"""Endings of names of files that hold times, or lines in the order of completion: only whether they
are there is compared."""
SCRATCH = {"checkpoints", "trackers"}
"""Folders of what a training needs only to go on, and of files that are named by times."""


@dataclass(frozen=True)
class Config:
    """What is run and how often it is disturbed."""

    out: Path
    verb: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = ()
    """studio, prepare, train, predict or labels; repeat it. All by default."""
    clips: int = 24
    seconds: float = 1.0
    """Length of each clip."""
    kills: int = 20
    """Kills of each verb."""
    workers: int = 2
    engine: Literal["local", "ray"] = "local"
    """Engine of disturbed preparations; the undisturbed one is always local."""
    seed: int = 0
    """Seed of the moments of the kills."""
    results: Path = RESULTS / "kill_and_resume.csv"


@dataclass
class Found:
    """Counts over all runs of a verb."""

    kills: int = 0
    runs: int = 0
    rows: int = 0
    """Rows of all tables of all runs that came to their end."""
    lost: int = 0
    doubled: int = 0
    half_written: int = 0
    """Archives, videos and arrays that were not as they should be after a kill."""
    differing: int = 0
    """Files that differ, are absent or too many after a resumed run."""
    left: int = 0
    """Temporary files in the output after a resumed run."""
    failed: int = 0
    """Runs that were not killed and ended with another exit code than the undisturbed one."""
    names: set[str] = field(default_factory=set)
    """Names of the files that differ or were left."""

    @property
    def is_clean(self) -> bool:
        faults = self.lost + self.doubled + self.half_written + self.differing
        return not faults + self.left + self.failed


def main(config: Config) -> None:
    names = config.verb or tuple(COMMANDS)
    if unknown := set(names) - set(COMMANDS):
        sys.exit(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(COMMANDS)}")
    is_clean = True
    for name in names:
        make_inputs(name, config)
        found = disturb(name, config)
        is_clean = is_clean and found.is_clean
        counts = {key: value for key, value in vars(found).items() if key != "names"}
        facts = {"clips": config.clips, "seed": config.seed, "workers": config.workers}
        row = {"verb": name, "engine": config.engine, **counts, **facts}
        keep(config.results, [row | machine(threads=1)], keys=("verb", "engine"))
        print(f"{name}: {counts} {sorted(found.names)[:9]}", flush=True)
    sys.exit(not is_clean)


def make_inputs(verb: str, config: Config) -> None:
    """Run, undisturbed, all that comes before a verb; what is there is not made again."""
    for name in NEEDS[verb]:
        make_inputs(name, config)
        undisturbed(name, config)


def undisturbed(name: str, config: Config) -> tuple[Path, float, float]:
    """Return the folder of an undisturbed run, after how many seconds it wrote the first file, and
    how many it took."""
    whole, note = config.out / "whole" / name, config.out / "whole" / f"{name}.txt"
    if not note.is_file():
        work = config.out / "work" / name
        for old in (work, whole):
            shutil.rmtree(old, ignore_errors=True)
        started, first = time.monotonic(), 0.0
        process = begin(name, config, engine="local")
        while process.poll() is None:
            if not first and work.is_dir() and any(work.iterdir()):
                first = time.monotonic() - started
            time.sleep(0.02)
        if process.returncode:
            sys.exit(f"{name} ended with {process.returncode}")
        whole.parent.mkdir(exist_ok=True)
        work.rename(whole)
        note.write_text(f"{first} {time.monotonic() - started}")
    first, total = map(float, note.read_text().split())
    return whole, first, total


def disturb(name: str, config: Config) -> Found:
    """Kill and resume a verb until it was killed often enough and has come to its end."""
    whole, first, total = undisturbed(name, config)
    work, found, rng = config.out / "work" / name, Found(), random.Random(f"{config.seed} {name}")
    expected = contents(whole)
    shutil.rmtree(work, ignore_errors=True)
    while found.kills < config.kills or work.exists():
        process = begin(name, config, engine=config.engine)
        if found.kills < config.kills:
            # Rather early than late, as there is ever less to do.
            wait(process, 0.9 * first + (total - 0.9 * first) * rng.random() ** 2)
        else:
            process.wait()
        if process.poll() is None:
            kill(process)
            found.kills += 1
            check_whole(work, expected, found)
            continue
        found.runs += 1
        found.failed += process.returncode != 0
        compare(work, expected, found)
        shutil.rmtree(work, ignore_errors=True)
    return found


def wait(process: "subprocess.Popen[bytes]", seconds: float) -> None:
    """Wait for so long, or until the process ends."""
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return


def check_whole(work: Path, expected: dict[str, bytes], found: Found) -> None:
    """Count what is there under its final name and is not yet, or no longer, whole."""
    for name, content in contents(work).items():
        if name.endswith(WHOLE_KINDS) and not is_hidden(name) and content != expected.get(name):
            found.half_written += 1
            found.names.add(name)


def compare(work: Path, expected: dict[str, bytes], found: Found) -> None:
    """Count how the output of a run that came to its end differs from what was to be there."""
    there = contents(work)
    left = {name for name in there if is_hidden(name)}
    differing = {
        name
        for name in (there | expected).keys() - left
        if name not in there or name not in expected or is_different(name, there, expected)
    }
    found.left += len(left)
    found.differing += len(differing)
    found.names |= left | differing
    for name, content in expected.items():
        if name.endswith(".csv"):
            wanted, rows = rows_of(content), rows_of(there.get(name, b""))
            found.rows += wanted.total()
            found.lost += len(wanted.keys() - rows.keys())
            found.doubled += sum(count - wanted.get(row, 1) for row, count in rows.items())


def is_different(name: str, there: dict[str, bytes], expected: dict[str, bytes]) -> bool:
    return not name.endswith(TIMED) and there[name] != expected[name]


def is_hidden(name: str) -> bool:
    return any(part.startswith(".") or part.endswith(".partial") for part in name.split("/"))


def rows_of(content: bytes) -> Counter[str]:
    """Return how many rows of a table begin with each text."""
    lines = csv.reader(io.StringIO(content.decode("utf-8"), newline=""))
    return Counter(cells[0] for cells in lines if cells)


def contents(folder: Path) -> dict[str, bytes]:
    """Return file name -> SHA-256 of its content, or for a table its content."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_file() and SCRATCH.isdisjoint(name.split("/")):
            content = path.read_bytes()
            is_table = path.suffix == ".csv"
            found[name] = content if is_table else hashlib.sha256(content).digest()
    return found


def begin(name: str, config: Config, *, engine: str) -> "subprocess.Popen[bytes]":
    """Start the command, as a user types it, in a process group of its own."""
    work = config.out / "work" / name
    work.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, *COMMANDS[name](config, work)]
    if name == "prepare":
        command += ["--engine", engine]
    log = (config.out / f"{name}.log").open("ab")
    with log:
        return subprocess.Popen(command, start_new_session=True, stdout=log, stderr=log)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """SIGKILL to the command and all of its group; a Ray of its own dies with its driver."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def studio(config: Config, out: Path) -> list[str]:
    sizes = ["--clips", str(config.clips), "--seconds", str(config.seconds)]
    return ["-m", "avfake", "studio", str(out), *sizes, "--workers", str(config.workers)]


def prepare(config: Config, out: Path) -> list[str]:
    flags = ["--frames", "4", "--size-px", "64", "--workers", str(config.workers)]
    return ["-m", "avfake", "prepare", "studio", str(whole_of("studio", config)), str(out), *flags]


def train(config: Config, out: Path) -> list[str]:
    return ["-c", TRAIN, "--clips", str(whole_of("prepare", config)), "--out", str(out)]


def predict(config: Config, out: Path) -> list[str]:
    detector = whole_of("train", config) / "detector"
    outs = ["--out", str(out / "scores.csv"), "--submission", str(out / "submission.csv")]
    videos = str(whole_of("studio", config))
    return ["-m", "avfake", "predict", videos, "--detector", str(detector), *outs]


def labels(config: Config, out: Path) -> list[str]:
    videos, manifest = whole_of("studio", config), config.out / "manifest.csv"
    if not manifest.is_file():
        quiet([sys.executable, "-m", "avfake", "manifest", "dfdc", videos, manifest])
    flags = ["--masks", "--workers", str(config.workers)]
    return ["-m", "avfake", "labels", str(manifest), str(out), *flags]


def whole_of(name: str, config: Config) -> Path:
    return config.out / "whole" / name


COMMANDS: dict[str, Callable[[Config, Path], list[str]]] = {
    "studio": studio,
    "prepare": prepare,
    "train": train,
    "predict": predict,
    "labels": labels,
}
"""Verb -> arguments of Python that run it into a folder."""
NEEDS = {
    "studio": (),
    "prepare": ("studio",),
    "train": ("prepare",),
    "predict": ("studio", "train"),
    "labels": ("studio",),
}
"""Verb -> those whose output it reads."""
