"""Measure how damage affects the default detector, on sources that the scoring model has not seen.

    python benchmarks/default_damage.py --run runs/default_detector/both-degraded

Takes clips of the recipe's videos and recordings, sources and classes in turn, does to each file
what the cells of `avfake stress` say, and has it judged by the one of the five models that has not
learned from its source. The table goes to RUN/stress/stress.csv, where recipes/default_detector.py
finds it when it writes the card anew (run it again). On two cores 40 clips of each folder take
twenty minutes.
"""

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
import tyro

from avfake.clips.preparation.folder import PreparedFolder
from avfake.datasets.rows import Row
from avfake.parallel.pool import default_workers
from avfake.scoring.stress.table import render_stress
from avfake.scoring.stress.unseen import run_stress_out_of_fold

FOLDERS = ("video", "voices")
DAMAGE = (
    *("crf_28", "half_size", "quarter_size", "picture_noise"),
    *("mp3_32k", "opus_16k", "telephone", "reverb", "noise_20db"),
)


@dataclass(frozen=True)
class Config:
    """What is measured."""

    run: Path
    """Folder of one experiment of recipes/default_detector.py."""
    clips: int = 40
    """Of each folder."""
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
    print(render_stress(table))


def rows_by_clip(material: Path) -> dict[str, Row]:
    """clip_id in a run that joins several folders -> row of the file itself."""
    folders = {name: PreparedFolder(material / name) for name in FOLDERS}
    return {
        f"{name}/{row.clip_id}": row
        for name, folder in folders.items()
        for row in folder.manifest.rows
    }


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
