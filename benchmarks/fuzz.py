"""Damaged inputs for everything that reads: crashes, hangs, exceptions, confident answers.

    python -m benchmarks fuzz --count 10000 --seed 0 --workers 2 --out fuzz.csv
    python -m benchmarks fuzz --only 137               (one input again, here, with a traceback)

Media, clip archives, manifests, metadata.json, specs, bundles, prepared folders and tables are made
small, then damaged by a seeded generator, one damage an input, and read in worker processes with a
time limit by what a user would read them with. A file that cannot be decoded must get no decision.
Exits with 1 where an input hangs, gets a confident answer, or raises what is no AvfakeError. A
crash inside a codec ends a worker, never this process; such crashes are counted.
"""

import random
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import pandas as pd

from avfake.errors import AvfakeError, is_out_of_memory
from avfake.limits import Limits
from avfake.parallel import Failure, map_items, progress
from benchmarks.fuzz_originals import make_media, make_written
from benchmarks.fuzz_readers import READERS, Confident

BAD = ("timed_out", "confident", "unhandled")


@dataclass(frozen=True)
class Config:
    """How many inputs, of which kinds."""

    count: int = 10_000
    seed: int = 0
    workers: int = 2
    kinds: tuple[str, ...] = tuple(READERS)
    time_limit_seconds: float = Limits().seconds
    """Time for one input, as `predict` has it; bombs take more than a minute on one core."""
    work: Path | None = None
    """Folder for the undamaged files, which a later run uses again; by default a temporary one."""
    out: Path | None = None
    """Table to write, one row an input."""
    only: int | None = None
    """Number of the single input to read in this process."""


@dataclass(frozen=True)
class Outcome:
    """What became of one input."""

    index: int
    kind: str
    outcome: str
    """read, refused, out_of_memory, confident, unhandled, crashed or timed_out."""
    what: str
    """The file and its damage."""
    detail: str = ""
    seconds: float = 0.0


def main(config: Config) -> None:
    if config.work is not None:
        sys.exit(run(config, config.work))
    with tempfile.TemporaryDirectory(prefix="avfake-fuzz-") as folder:
        sys.exit(run(config, Path(folder)))


def run(config: Config, work: Path) -> int:
    """Make the undamaged files, read the damaged ones, print what happened."""
    studio = make_written(work / "written")
    make_media(work / "media", min(studio.glob("*.mp4")))
    if config.only is not None:
        print(try_one(config.seed, config.kinds, work, config.only, raises=True))
        return 0
    started = time.monotonic()
    table = read_all(config, work)
    if config.out is not None:
        # A message may quote text that cannot be written, such as half a surrogate pair.
        table.to_csv(config.out, index=False, errors="backslashreplace")
    return show(table, time.monotonic() - started, config)


def read_all(config: Config, work: Path) -> pd.DataFrame:
    """Read the damaged files in worker processes; return a row for each."""
    function = partial(try_one, config.seed, config.kinds, work)
    options = {"workers": config.workers, "time_limit_seconds": config.time_limit_seconds}
    found = []
    with progress(total=config.count, unit="input", desc="fuzz") as bar:
        for index, result in map_items(function, list(range(config.count)), **options):
            found.append(_outcome(index, result, config, work))
            bar.update()
    return pd.DataFrame(map(asdict, sorted(found, key=lambda one: one.index)))


def show(table: pd.DataFrame, seconds: float, config: Config) -> int:
    """Print counts and findings; return the exit code."""
    print(table.groupby(["kind", "outcome"]).size().unstack(fill_value=0).to_string())
    bad = table[table["outcome"].isin((*BAD, "crashed"))]
    for (outcome, detail), rows in bad.groupby(["outcome", "detail"]):
        first = rows.iloc[0]
        print(f"{outcome} x {len(rows)}: {detail}\n    --only {first['index']}: {first['what']}")
    counts = Counter(table["outcome"])
    print(
        f"{len(table)} inputs, seed {config.seed}, {seconds:.0f} s, slowest "
        f"{table['seconds'].max():.1f} s: "
        + ", ".join(f"{counts[name]} {name}" for name in (*BAD, "crashed", "out_of_memory"))
    )
    return int(any(counts[name] for name in BAD))


def try_one(
    seed: int, kinds: Sequence[str], work: Path, index: int, *, raises: bool = False
) -> Outcome:
    """Damage an input and read it. raises: with the traceback of what is no AvfakeError."""
    rng = random.Random(f"{seed} {index}")
    kind = rng.choices(kinds, [READERS[one][1] for one in kinds])[0]
    started, outcome, detail = time.monotonic(), "read", ""
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=work) as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        here = Path(folder)
        try:
            READERS[kind][0](work, here, rng)
        except AvfakeError as error:
            outcome, detail = "refused", str(error)[:200].replace(str(here), "")
        except Confident as error:
            outcome, detail = "confident", str(error)
        except Exception as error:  # noqa: BLE001 - that is what is looked for
            outcome = "out_of_memory" if is_out_of_memory(error) else "unhandled"
            detail = _place_of(error)
            if raises:
                traceback.print_exc()
        said = here / "what"
        what = said.read_text() if said.is_file() else ""
    seconds = round(time.monotonic() - started, 3)
    return Outcome(index, kind, outcome, what, detail, seconds)


def _place_of(error: Exception) -> str:
    frames = [
        one for one in traceback.extract_tb(error.__traceback__) if "/avfake/" in one.filename
    ]
    last = frames[-1] if frames else traceback.extract_tb(error.__traceback__)[-1]
    place = last.filename.rpartition("/avfake/")[2]
    return f"{type(error).__name__}: {str(error)[:120]!r} at {place}:{last.lineno} ({last.name})"


def _outcome(index: int, result: Outcome | Failure, config: Config, work: Path) -> Outcome:
    if isinstance(result, Outcome):
        return result
    rng = random.Random(f"{config.seed} {index}")
    kind = rng.choices(config.kinds, [READERS[one][1] for one in config.kinds])[0]
    left = [folder for folder in work.glob("fuzz-*") if (folder / "what").is_file()]
    what = (left[0] / "what").read_text() if len(left) == 1 else ""
    return Outcome(index, kind, result.code, what, result.detail)
