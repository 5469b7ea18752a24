"""Which small changes of the code no test notices: mutmut over datasets, calibration, evaluation.

    make mutate
    python -m benchmarks mutate --tools .tools/mutation --sample 200

A mutant is the code with one change: another operator, number, text or argument. It is killed if
a test of its package fails. Mutants are drawn by the seed, out of all that mutmut makes; the tests
are those of the packages that need no trained detector. Prints the counts and the diff of each
survivor, and writes a table, one row a mutant.
"""

import csv
import json
import os
import random
import shutil
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("datasets", "calibration", "evaluation")
COPIED = ("avfake", "tests", "data_specs", "docs", "benchmarks", "recipes")
FILES = ("pyproject.toml", "setup.cfg", "README.md")
LEFT_OUT = shutil.ignore_patterns("__pycache__", "*.safetensors", "results", ".*")
SLOW = (
    *("datasets/test_data_outputs.py", "calibration/test_stack_contributions.py"),
    "evaluation/test_figures.py",
)
"""Tests that need a studio or a trained detector, which each mutant would make again."""
MUTMUT = """
import os, sys
sys.path.append({tools!r})
os.environ["PYTHONPATH"] = {tools!r}  # of processes that tests start: mutants import mutmut
"""
GENERATE = """
from pathlib import Path
from mutmut import __main__ as mutmut
mutmut.set_mutant_under_test("mutant_generation")
Path("mutants").mkdir(exist_ok=True)
mutmut.copy_src_dir()
mutmut.copy_also_copy_files()
mutmut.setup_source_paths()
mutmut.create_mutants(1)
"""
RUN = """
from mutmut.__main__ import cli
cli()
"""
SHOW = """
from mutmut.mutation.diff_apply import get_diff_for_mutant
for name in sys.argv[1:]:
    print(f"# {name}", get_diff_for_mutant(name), sep="\\n")
"""
STATUS = {0: "survived", 1: "killed", 3: "killed", 33: "no test", 34: "skipped"}
"""Exit code of the tests on a mutant -> what became of it; other codes are a time limit."""


@dataclass(frozen=True)
class Config:
    """What is mutated."""

    tools: Path = Path(".tools/mutation")
    """Folder into which pip has installed mutmut (--target)."""
    work: Path = Path("runs/mutation")
    """Folder for the copy that is mutated; deleted at the start."""
    packages: tuple[str, ...] = PACKAGES
    sample: int = 200
    """Mutants that are drawn; 0 = all."""
    seed: int = 0
    table: Path | None = None
    """Table to write."""


def copy_to(work: Path, packages: tuple[str, ...]) -> None:
    """Make the copy, with the settings of mutmut."""
    shutil.rmtree(work, ignore_errors=True)
    for name in COPIED:
        shutil.copytree(ROOT / name, work / name, ignore=LEFT_OUT)
    for name in FILES:
        shutil.copy(ROOT / name, work / name)
    lists = {
        "source_paths": ["avfake"],
        "only_mutate": [f"avfake/{name}/*" for name in packages],
        "do_not_mutate": ["avfake/evaluation/figures/*"],  # pictures, drawn by a slow test
        "also_copy": [*COPIED[2:], *FILES],
        "pytest_add_cli_args_test_selection": [f"tests/{name}" for name in packages]
        + [f"--ignore=tests/{name}" for name in SLOW],
        "pytest_add_cli_args": ["-p", "no:cacheprovider", "-p", "no:xdist"],
    }
    lines = [f"{name} = {json.dumps(values)}" for name, values in lists.items()]
    with (work / "pyproject.toml").open("a", encoding="utf-8") as file:
        file.write("\n".join(["\n[tool.mutmut]", "use_git_change_detection = false", *lines, ""]))


def mutmut(config: Config, script: str, *arguments: str) -> str:
    """Run mutmut in the copy; return what it printed. RuntimeError if it fails."""
    code = MUTMUT.format(tools=str(config.tools.resolve())) + script
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, cwd=config.work, env=env, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(
            f"mutmut ended with {done.returncode}:\n{(done.stdout + done.stderr)[-3000:]}"
        )
    return done.stdout


def exit_codes(work: Path) -> dict[str, int | None]:
    """Return mutant -> exit code of its tests; None where it was not run."""
    found: dict[str, int | None] = {}
    for path in sorted((work / "mutants").rglob("*.py.meta")):
        found |= json.loads(path.read_text(encoding="utf-8"))["exit_code_by_key"]
    return found


def main(config: Config) -> None:
    copy_to(config.work, config.packages)
    mutmut(config, GENERATE)
    names = sorted(exit_codes(config.work))
    count = min(config.sample or len(names), len(names))
    drawn = sorted(random.Random(config.seed).sample(names, count))
    print(f"{count} of {len(names)} mutants", flush=True)
    # A pattern and not a name: of a name for which there is no test, mutmut knows nothing.
    mutmut(config, RUN, "run", "--max-children", "1", *(f"*{name}" for name in drawn))
    codes = exit_codes(config.work)
    rows = [(name, STATUS.get(codes[name] or 0, "timed out")) for name in drawn]
    rows = [(name, "not run" if codes[name] is None else status) for name, status in rows]
    print(", ".join(f"{n} {status}" for status, n in Counter(s for _, s in rows).most_common()))
    print(mutmut(config, SHOW, *(name for name, status in rows if status == "survived")))
    if config.table is not None:
        with config.table.open("w", newline="", encoding="utf-8") as file:
            csv.writer(file, lineterminator="\n").writerows([("mutant", "result"), *rows])
