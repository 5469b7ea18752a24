"""How fast an answer is: by stage, beside the floor and the straightforward pipeline.

    python -m benchmarks speed --out bench                       (make bench)
    python -m benchmarks speed --out bench --detector b0 --kind 1080p --repeats 1
    python -m benchmarks speed --out bench --options profile=fast --options profile=thorough

For each detector and each kind of video, calls take turns: every stage and the whole answer of
avfake, the bare work that no way of answering can avoid (`floor`), and what a user would write
today with the same networks (`straightforward`). Each option set has a whole answer of its own. For
the default detector and 1080p, commands from cold too. Rows replace those of the same name in
`benchmarks/results/speed.csv`; `python -m benchmarks table` shows them. Ratios are medians over the
rounds. What is made (videos, detectors) is kept in OUT.
"""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, fields
from functools import partial, reduce
from operator import add
from pathlib import Path
from typing import Annotated, Any

import tyro
import yaml

from avfake.detector.options import PredictOptions
from avfake.labels import DEFAULT
from benchmarks import stages
from benchmarks.floor import Bare
from benchmarks.measured_detectors import RANDOM, Measured, load
from benchmarks.measuring import RESULTS, Cost, in_turns, keep, machine, quiet, row
from benchmarks.sample_videos import KINDS, video_of
from benchmarks.stages import END_TO_END

KEYS = ("kind", "detector", "pipeline", "stage")
"""Columns that name a row."""
AVFAKE, FLOOR, SIMPLE = "avfake", "floor", "straightforward"
Names = Annotated[tuple[str, ...], tyro.conf.UseAppendAction]
Costs = dict[tuple[str, str], list[Cost]]


@dataclass(frozen=True)
class Config:
    """What is measured."""

    out: Path
    """Folder for what is made, and kept."""
    detector: Names = ()
    """default, b7 (EfficientNet-B7 at 380 px), b0 (B0 at 224 px) or small (for tests); repeat it.
    The first three by default."""
    kind: Names = ()
    """720p, 1080p, portrait, "60 s", "two persons" or tiny; repeat it. All but tiny by default."""
    options: Names = ()
    """Settings of `PredictOptions` as NAME=VALUE, several with commas; repeat it."""
    repeats: int = 5
    threads: int = 2
    results: Path = RESULTS / "speed.csv"


def main(config: Config) -> None:
    import torch

    torch.set_num_threads(config.threads)
    check(config)
    facts = machine(threads=config.threads)
    for name in config.detector or (DEFAULT, "b7", "b0"):
        measured, chosen = load(name, config.out), {}
        for kind in config.kind or [kind for kind in KINDS if kind != "tiny"]:
            video = video_of(kind, config.out)
            print(f"{name}, {kind}", flush=True)
            rows = list(measure(measured, video, config, chosen))
            if (name, kind) == (DEFAULT, "1080p"):
                rows += cold_rows(video, config)
            named = [{"kind": kind, "detector": name, **one, **facts} for one in rows]
            keep(config.results, named, keys=KEYS)
            show(rows)


def check(config: Config) -> None:
    """End with a sentence if something that is asked for is not known."""
    options = {name for text in config.options for name in parsed(text)}
    for given, known in (
        (config.detector, {DEFAULT, *RANDOM}),
        (config.kind, set(KINDS)),
        (options, {field.name for field in fields(PredictOptions)}),
    ):
        if unknown := set(given) - known:
            sys.exit(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(sorted(known))}")


def measure(
    measured: Measured, video: Path, config: Config, chosen: dict[str, Bare]
) -> Iterator[dict[str, Any]]:
    """Yield the rows of one detector and one video.

    chosen: the fastest runtime of each network, kept from video to video
    """
    archive = config.out / "measured.zip"
    bare, of_bare = stages.of_floor(measured, video, config.threads, chosen)
    simple, of_simple = stages.of_straightforward(measured, video)
    calls = {
        **{
            (AVFAKE, stage): call
            for stage, call in stages.of_avfake(measured, video, archive).items()
        },
        **{(FLOOR, stage): call for stage, call in bare.items()},
        **{(SIMPLE, stage): call for stage, call in simple.items()},
    }
    for text in config.options:
        changes = parsed(text)
        calls[f"{AVFAKE}, {text}", END_TO_END] = partial(
            measured.detector.predict, video, **changes
        )
    costs: Costs = in_turns(calls, config.repeats)
    notes = {(FLOOR, s): n for s, n in of_bare.items()}
    notes |= {(SIMPLE, s): n for s, n in of_simple.items()}
    for pipeline in (FLOOR, SIMPLE):
        parts = [found for (owner, _), found in costs.items() if owner == pipeline]
        costs[pipeline, END_TO_END] = [reduce(add, one) for one in zip(*parts, strict=True)]
    for (pipeline, stage), found in costs.items():
        note = notes.get((pipeline, stage), "")
        yield row(found, pipeline=pipeline, stage=stage, unit="s") | {"note": note}
    yield from ratios(costs)


def parsed(text: str) -> dict[str, Any]:
    """Return the settings of "name=value,name=value"."""
    pairs = [part.partition("=") for part in text.split(",")]
    return {name.strip(): yaml.safe_load(value) for name, _, value in pairs}


def ratios(costs: Costs) -> Iterator[dict[str, Any]]:
    """Yield the rows of ratios, of the same round each, for avfake and each option set."""
    for pipeline in dict.fromkeys(owner for owner, _ in costs):
        if pipeline in (FLOOR, SIMPLE):
            continue
        mine = costs[pipeline, END_TO_END]
        pairs = {
            f"{pipeline} / {FLOOR}": zip(mine, costs[FLOOR, END_TO_END], strict=True),
            f"{SIMPLE} / {pipeline}": zip(costs[SIMPLE, END_TO_END], mine, strict=True),
        }
        for name, both in pairs.items():
            found = [upper.over(lower) for upper, lower in both]
            yield row(found, pipeline=name, stage=END_TO_END, unit="ratio") | {"note": ""}


def cold_rows(video: Path, config: Config) -> list[dict[str, Any]]:
    """Return rows of commands from cold, beside what they cannot do without."""
    python = sys.executable
    commands = {
        (FLOOR, "import torch, cold"): [python, "-c", "import torch"],
        (AVFAKE, "import avfake, cold"): [python, "-c", "import avfake"],
        (AVFAKE, "avfake --help, cold"): [python, "-m", "avfake", "--help"],
        (AVFAKE, "avfake predict, cold"): [python, "-m", "avfake", "predict", video],
    }
    env = os.environ | {"OMP_NUM_THREADS": str(config.threads)}
    calls = {name: partial(quiet, command, env) for name, command in commands.items()}
    return [
        row(found, pipeline=pipeline, stage=stage, unit="s") | {"note": ""}
        for (pipeline, stage), found in in_turns(calls, config.repeats).items()
    ]


def show(rows: list[dict[str, Any]]) -> None:
    print(f"  {'':28}{'':22}{'median':>9}{'least':>9}{'most':>9}{'CPU':>9}")
    for one in rows:
        numbers = [one[name] for name in ("wall_median", "wall_min", "wall_max", "cpu_median")]
        cells = "".join(f"{number:9.3f}" for number in numbers)
        print(f"  {one['pipeline']:28}{one['stage']:22}{cells}  {one['note']}", flush=True)
