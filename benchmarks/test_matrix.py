"""Whether quick tests pass with each interpreter here, the oldest and the newest dependencies.

    make test-matrix
    python -m benchmarks test_matrix --uv .tools/bin/uv --out matrix --levels oldest

For each pair it makes an environment below `out`, installs avfake with wheels alone and runs the
tests of `fast`. Interpreters that are not on the path are rows, too: not run. The table is printed
and written to matrix.csv. Exits with 1 where anything failed. An environment takes gigabytes, with
the GPU libraries that torch's wheel asks for: it is deleted when its tests have passed.

oldest: the lower bounds of setup.cfg; pinned: constraints.txt; newest: what the registry has now.
"""

import csv
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).parents[1]
EXTRAS = ".[train,report,web,export]"
TEST_TOOLS = ("pytest", "pytest-timeout", "pytest-xdist", "jsonschema")
COLUMNS = ("python", "dependencies", "result", "detail", "seconds")
Level = Literal["oldest", "pinned", "newest"]
ARGUMENTS: dict[str, tuple[str, ...]] = {
    "oldest": ("--resolution", "lowest-direct"),
    "pinned": ("--constraint", "constraints.txt"),
    "newest": ("--upgrade",),
}
"""Level -> arguments of uv that choose the versions."""


@dataclass(frozen=True)
class Config:
    """What is tried."""

    out: Path
    """Folder of the environments and the table."""
    uv: Path = Path("uv")
    """The program that installs."""
    pythons: tuple[str, ...] = ("3.11", "3.12", "3.13")
    levels: tuple[Level, ...] = ("oldest", "pinned", "newest")
    fast: tuple[str, ...] = (
        *("tests/calibration", "tests/evaluation", "tests/datasets", "tests/storage"),
        *("tests/golden", "tests/models", "tests/security", "tests/test_package.py"),
    )
    """Tests that are run."""


def interpreter(version: str) -> str | None:
    """Return the path of this version of Python on this machine; None where there is none."""
    if sys.version_info[:2] == tuple(map(int, version.split("."))):
        return sys.executable
    return shutil.which(f"python{version}")


def run(command: Sequence[str | Path], log: Path) -> tuple[int, str]:
    """Run a command in the root of the repository; return its exit code and last line."""
    env = os.environ | {"PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1"}
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=ROOT, env=env, capture_output=True, text=True)
    text = done.stdout + done.stderr
    with log.open("a", encoding="utf-8") as file:
        file.write(f"$ {' '.join(words)}\n{text}\n")
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return done.returncode, lines[-1] if lines else ""


def try_one(config: Config, python: str, version: str, level: Level) -> tuple[str, str]:
    """Return the result and its detail for one interpreter and one choice of dependencies."""
    folder = (config.out / f"{version}-{level}").resolve()
    log = folder.with_name(f"{folder.name}.log")
    log.write_text("")
    inside = folder / "bin" / "python"
    # Wheels alone: old sources do not build with the tools of today. avfake itself is built.
    install = [config.uv, "pip", "install", "--python", inside, "--only-binary", ":all:"]
    install += ["--no-binary", "avfake"]
    steps: list[list[str | Path]] = [
        [config.uv, "venv", "--clear", "--python", python, folder],
        [*install, *ARGUMENTS[level], "--editable", EXTRAS],
        [*install, "--constraint", "constraints.txt", *TEST_TOOLS],
    ]
    for step in steps:
        code, last = run(step, log)
        if code:
            return "not installed", f"{last} ({log.name})"
    # Old and new versions warn of what the pinned ones do not; a warning is no failure here.
    code, last = run([inside, "-m", "pytest", "-W", "default", *config.fast], log)
    if not code:
        shutil.rmtree(folder)
    return ("failed" if code else "passed"), last


def main(config: Config) -> None:
    config.out.mkdir(parents=True, exist_ok=True)
    rows = []
    for version in config.pythons:
        python = interpreter(version)
        for level in config.levels:
            start = time.monotonic()
            result, detail = ("not run", f"no python{version} on this machine")
            if python:
                result, detail = try_one(config, python, version, level)
            seconds = round(time.monotonic() - start)
            rows.append((version, level, result, detail, seconds))
            print(*rows[-1], sep="\t", flush=True)
            with (config.out / "matrix.csv").open("w", newline="", encoding="utf-8") as file:
                csv.writer(file).writerows([COLUMNS, *rows])
    sys.exit(any(row[2] in ("failed", "not installed") for row in rows))
