"""The tables and the picture of docs/performance.md, from what the other benchmarks wrote.

    python -m benchmarks table                                  # prints the tables
    python -m benchmarks table --write docs/performance.md      # puts them between its marks
    python -m benchmarks table --write docs/evasion.md --no-draw

Reads `speed.csv`, `memory.csv` and `evasion.csv` of benchmarks/results, measures nothing. Each
table of the document stands between <!-- table NAME --> and <!-- end -->; those of another machine,
measured with `--results benchmarks/results/speed_MACHINE.csv`, are named "NAME of MACHINE". The
picture is pictures/speed.png beside the document, or speed.png beside the results without one.
"""

import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from avfake.evaluation.figures.style import picture
from avfake.evaluation.markdown import markdown_table
from benchmarks.evasion import ANSWERS, TRUTHS
from benchmarks.measuring import RESULTS
from benchmarks.prepare_throughput import STAGE
from benchmarks.speed import AVFAKE, FLOOR, SIMPLE
from benchmarks.stages import END_TO_END, NOT_ADDED

CORE_HOUR_DOLLARS = 0.04
"""Assumed price of an hour of one core."""
TITLES = {
    "default": "default (12 frames)",
    "b7": "EfficientNet-B7 at 380 px, mel CNN (32 frames)",
    "b0": "EfficientNet-B0 at 224 px, mel CNN (32 frames)",
}
COLOURS = {
    "decode": "#0072B2",
    "detect": "#D55E00",
    "visual forward": "#009E73",
    "audio forward": "#E69F00",
    "other": "#777777",
}
"""Stage -> colour of its bar; all further stages are "other"."""


@dataclass(frozen=True)
class Config:
    """What is read and written."""

    results: Path = RESULTS
    write: Path | None = None
    """Document in which the tables are replaced."""
    draw: bool = True
    """Draw the picture, too."""

    @property
    def picture(self) -> Path:
        """Where the picture goes: beside the document, or beside the results."""
        if self.write is None:
            return self.results / "speed.png"
        return self.write.parent / "pictures" / "speed.png"


def main(config: Config) -> None:
    found = {name: config.results / f"{name}.csv" for name in ("speed", "memory", "evasion")}
    if not any(path.is_file() for path in found.values()):
        sys.exit(f"{config.results} has no speed.csv; make bench writes it")
    tables = {}
    if found["speed"].is_file():
        speed = pd.read_csv(found["speed"], keep_default_na=False)
        tables = {name: make(speed) for name, make in TABLES.items()}
        if config.draw:
            config.picture.parent.mkdir(exist_ok=True)
            draw(speed, config.picture)
    for path in sorted(config.results.glob("speed_*.csv")):
        speed, of = pd.read_csv(path, keep_default_na=False), path.stem.partition("_")[2]
        tables |= {f"{name} of {of}": make(speed) for name, make in TABLES.items()}
    if found["memory"].is_file():
        tables["memory"] = memory_table(pd.read_csv(found["memory"]))
    if found["evasion"].is_file():
        tables["evasion"] = evasion_table(pd.read_csv(found["evasion"], keep_default_na=False))
    if config.write is None:
        print("\n\n".join(f"{name}\n\n{text}" for name, text in tables.items()))
    else:
        text = config.write.read_text(encoding="utf-8")
        config.write.write_text(replaced(text, tables), encoding="utf-8")


def replaced(text: str, tables: dict[str, str]) -> str:
    """Return a document with its tables made anew."""
    for name, table in tables.items():
        marks = re.compile(rf"(<!-- table {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        text = marks.sub(lambda found, new=table: f"{found[1]}\n{new}\n\n{found[2]}", text)
    return text


def answers(speed: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """Yield (detector, kind, rows by pipeline) of whole answers, in seconds or ratios."""
    whole = speed[speed["stage"] == END_TO_END]
    for (detector, kind), rows in whole.groupby(["detector", "kind"], sort=False):
        yield str(detector), str(kind), rows.set_index("pipeline")


def answer_table(speed: pd.DataFrame) -> str:
    """Return one row for each detector and kind: seconds (CPU seconds) and ratios."""
    rows = []
    for detector, kind, found in answers(speed):
        for name in [name for name in found.index if name.split(",")[0] == AVFAKE]:
            if "/" in name:
                continue
            seconds = [both(found.loc[pipeline]) for pipeline in (name, FLOOR, SIMPLE)]
            ratios = [f"{name} / {FLOOR}", f"{SIMPLE} / {name}"]
            options = name.partition(", ")[2]
            title = TITLES.get(detector, detector) + (f", {options}" if options else "")
            rows.append([title, kind, *seconds, *(both(found.loc[one]) for one in ratios)])
    head = ["detector", "video", AVFAKE, FLOOR, SIMPLE, "over the floor", "faster than it"]
    return markdown_table([head, *rows])


def stage_table(speed: pd.DataFrame) -> str:
    """Return seconds (CPU seconds) of each stage of avfake on 1080p, one column a detector."""
    mine = speed[(speed["kind"] == "1080p") & (speed["unit"] == "s")]
    names = [name for name in dict.fromkeys(mine["detector"]) if name in TITLES]
    found = {(r["pipeline"], r["stage"], r["detector"]): r for _, r in mine.iterrows()}
    rows = []
    for pipeline, stage in dict.fromkeys(zip(mine["pipeline"], mine["stage"], strict=True)):
        if "," in pipeline or "cold" in stage:
            continue
        cells = [found.get((pipeline, stage, name)) for name in names]
        rows.append([pipeline, stage, *(both(c) if c is not None else "" for c in cells)])
    return markdown_table([["pipeline", "stage", *names], *rows])


def cold_table(speed: pd.DataFrame) -> str:
    """Return the commands from cold."""
    cold = speed[speed["stage"].str.endswith("cold")]
    rows = [[r.stage.removesuffix(", cold"), three(r)] for r in cold.itertuples()]
    return markdown_table([["command", "seconds, median (least to most)"], *rows])


def preparation_table(speed: pd.DataFrame) -> str:
    """Return clips per second."""
    rows = [[r.pipeline, three(r)] for r in speed[speed["stage"] == STAGE].itertuples()]
    return markdown_table([["", "clips a second, median (least to most)"], *rows])


def cost_table(speed: pd.DataFrame) -> str:
    """Return CPU hours and dollars of a thousand and a million answers, for 10 s of 1080p."""
    rows = []
    for detector, kind, found in answers(speed):
        if kind == "1080p" and detector in TITLES:
            seconds = float(found.loc[AVFAKE, "cpu_median"])
            hours = [seconds * count / 3600 for count in (1e3, 1e6)]
            cells = [f"{h:,.1f} h, {h * CORE_HOUR_DOLLARS:,.2f} $" for h in hours]
            rows.append([TITLES[detector], f"{seconds:.2f}", *cells])
    head = ["detector", "CPU seconds a video", "1,000 videos", "1,000,000 videos"]
    return markdown_table([head, *rows])


def facts_line(speed: pd.DataFrame) -> str:
    """Return one line for each machine and commit that was measured."""
    facts = speed[["hardware", "threads", "commit", "repeats"]].drop_duplicates()
    lines = [
        f"- {r.hardware}; {r.threads} threads; commit {r.commit}; {r.repeats} rounds"
        for r in facts.itertuples()
    ]
    notes = speed[(speed["note"] != "") & speed["pipeline"].isin([FLOOR, SIMPLE])]
    # What is tried in each run may differ: every choice is shown, with the videos it was made for.
    for (detector, pipeline, stage, note), rows in notes.groupby(
        ["detector", "pipeline", "stage", "note"], sort=False
    ):
        kinds = ", ".join(dict.fromkeys(rows["kind"]))
        lines.append(f"- {detector}, {pipeline}, {stage}: {note} ({kinds})")
    return "\n".join(lines)


def memory_table(memory: pd.DataFrame) -> str:
    """Return the greatest resident memory for each file."""
    rows = [
        [r.file, f"{r.size_mb:,.0f} MB", f"{r.peak_mb:,.0f} MB", f"{r.seconds:.0f} s", r.status]
        + [r.commit]
        for r in memory.itertuples()
    ]
    head = ["file", "on disk", "peak", "answer after", "status", "commit"]
    return markdown_table([head, *rows])


def evasion_table(evasion: pd.DataFrame) -> str:
    """Return what becomes of the files of each trick, by decision, with the reasons given."""
    rows = []
    for _, row in evasion.iterrows():
        counts = [
            ", ".join(f"{row[f'{truth} {one}']} {one}" for one in ANSWERS if row[f"{truth} {one}"])
            for truth in TRUTHS
        ]
        wrong = f"{row['newly_wrong']} ({row['newly_wrong_before']})"
        rows.append([row["meaning"], row["of"], *counts, wrong, row["reasons"]])
    head = ["trick", "done to", "genuine files", "forged files", "newly wrong", "reasons, files"]
    return markdown_table([head, *rows])


TABLES: dict[str, Callable[[pd.DataFrame], str]] = {
    "answers": answer_table,
    "stages": stage_table,
    "cold": cold_table,
    "preparation": preparation_table,
    "cost": cost_table,
    "facts": facts_line,
    "picture": lambda _: "![Seconds by stage](pictures/speed.png)",
}


def both(row: pd.Series) -> str:
    """Return the median by the clock, and that of the CPU time in brackets."""
    return f"{float(row['wall_median']):.3g} ({float(row['cpu_median']):.3g})"


def three(row: Any) -> str:
    """Return the median, with the least and the most in brackets."""
    return f"{row.wall_median:.3g} ({row.wall_min:.3g} to {row.wall_max:.3g})"


def draw(speed: pd.DataFrame, out: Path) -> None:
    """Draw stacked bars of CPU-bound stages: each pipeline, for each kind, a panel a detector."""
    names = [name for name in dict.fromkeys(speed["detector"]) if name in TITLES]
    if not names:
        return
    with picture(out, width_px=900, height_px=260 * len(names) + 60, title="An answer") as figure:
        panels = figure.subplots(len(names), 1, squeeze=False)[:, 0]
        for axes, name in zip(panels, names, strict=True):
            bars = list(bars_of(speed[speed["detector"] == name]))
            starts = [0.0] * len(bars)
            for stage, colour in COLOURS.items():
                lengths = [parts.get(stage, 0.0) for _, parts in bars]
                axes.barh(
                    [label for label, _ in bars], lengths, left=starts, color=colour, label=stage
                )
                starts = [a + b for a, b in zip(starts, lengths, strict=True)]
            axes.invert_yaxis()
            axes.tick_params(axis="y", labelsize=7)
            axes.set(title=TITLES[name], xlabel="seconds, medians")
        panels[0].legend(fontsize=8)


def bars_of(speed: pd.DataFrame) -> Iterator[tuple[str, dict[str, float]]]:
    """Yield (label, stage -> seconds) for each kind and pipeline."""
    added = speed[(speed["unit"] == "s") & ~speed["stage"].isin(NOT_ADDED)]
    added = added[~added["stage"].str.endswith("cold")]
    for kind in dict.fromkeys(added["kind"]):
        for pipeline in (FLOOR, AVFAKE, SIMPLE):
            parts: dict[str, float] = {}
            rows = added[(added["kind"] == kind) & (added["pipeline"] == pipeline)]
            for one in rows.itertuples():
                stage = one.stage if one.stage in COLOURS else "other"
                parts[stage] = parts.get(stage, 0.0) + float(one.wall_median)
            yield f"{kind}, {pipeline}", parts
