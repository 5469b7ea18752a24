"""Measure how damage affects the default detector, on sources that the scoring model has not seen.

    python -m benchmarks default_damage --run runs/default_detector/full

Takes clips of the recipe's videos and recordings, sources and classes in turn, does to each file
what the cells of `avfake stress` do, and has it scored by the one of the five models that has not
learned from its source. The table goes to RUN/stress/stress.csv, where recipes/default_detector.py
finds it when it writes the card anew (run it again). On two cores 40 clips of each folder take
twenty minutes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pandas as pd

from avfake.clips.preparation.folder import PreparedFolder
from avfake.datasets.manifest import Row
from avfake.detector.bundle import Bundle
from avfake.errors import ConfigError
from avfake.parallel.pool import default_workers
from avfake.scoring.stress.cells import choose_cells
from avfake.scoring.stress.run import UNTOUCHED, check_both_answered, score_cells
from avfake.scoring.stress.table import StressTable
from avfake.storage import write_whole

FOLDERS = ("video", "voices")
DAMAGE = (
    *("crf_28", "half_size", "quarter_size", "picture_noise", "recaptured"),
    *("mp3_32k", "opus_16k", "telephone", "reverb", "noise_20db"),
)


@dataclass(frozen=True)
class Config:
    """What is measured."""

    run: Path
    """Folder of one experiment of recipes/default_detector.py."""
    clips: int = 40
    """Number of clips of each folder."""
    cells: tuple[str, ...] = DAMAGE
    seed: int = 0
    workers: int = field(default_factory=default_workers)


def main(config: Config) -> None:
    answers = pd.read_csv(config.run / "scores.csv")
    rows = rows_by_clip(config.run.parent / "material")
    known = answers[answers["clip_id"].isin(rows) & answers["label"].notna()]
    shuffled = known.sample(frac=1, random_state=config.seed)
    turn = shuffled.groupby(["group", "label"]).cumcount().sort_values(kind="stable").index
    chosen = shuffled.loc[turn].groupby("folder").head(config.clips)
    held_out = [
        [rows[clip_id] for clip_id in chosen.loc[chosen["fold"] == fold, "clip_id"]]
        for fold in sorted(answers["fold"].unique())
    ]
    table = run_stress_out_of_fold(
        config.run / "detector",
        held_out,
        config.run / "stress",
        cells=config.cells,
        workers=config.workers,
    )
    print(table)


def run_stress_out_of_fold(
    detector: Path,
    held_out: Sequence[Sequence[Row]],
    out: Path,
    *,
    cells: Sequence[str] = (),
    workers: int = 1,
) -> StressTable:
    """Return the stress table of a detector by models that have not seen the files.

    Every model scores the files of its fold alone, and the answers are put together: what damage
    does to files of sources that the model has not seen. Also in `out`/stress.csv; a run that was
    stopped goes on.

    Calibrators and decision rule are those of the whole detector.

    detector: folder of a bundle.
    held_out: for each of its models, in order, labelled rows of files that it did not learn from;
        ConfigError unless all together have both classes, answered.
    """
    bundle, chosen = Bundle.read(detector), choose_cells(cells)
    if len(held_out) != len(bundle.models):
        raise ConfigError(
            f"{detector} has {len(bundle.models)} models and {len(held_out)} lists of files that "
            "one has not seen; one for each is needed"
        )
    parts = []
    for number, (model, rows) in enumerate(zip(bundle.models, held_out, strict=True)):
        if not rows:
            continue
        alone = out / f"model_{number}"
        replace(bundle, models=(model,)).save(alone / "detector")
        parts.append(score_cells(rows, str(alone / "detector"), alone, chosen, workers=workers))
    if not parts:
        raise ConfigError("the lists of files that a model has not seen are all empty")
    scores = {name: pd.concat([part[name] for part in parts]) for name in (UNTOUCHED, *chosen)}
    untouched = scores.pop(UNTOUCHED)
    check_both_answered(untouched, out)
    table = StressTable.comparing(untouched, scores)
    write_whole(out / "stress.csv", table.rows.to_csv(index=False))
    return table


def rows_by_clip(material: Path) -> dict[str, Row]:
    """clip_id in a run that joins several folders -> row of the file itself."""
    folders = {name: PreparedFolder(material / name) for name in FOLDERS}
    return {
        f"{name}/{row.clip_id}": row
        for name, folder in folders.items()
        for row in folder.manifest.rows
    }
