"""Gain of each addition: the same detector with one addition at a time, over several seeds.

    avfake studio studio/ --clips 960 --difficulty 0.85 --seed 7
    avfake prepare studio studio/ clips/ --frames 8 --size-px 128
    python recipes/additions.py --clips clips/ --out runs/additions

Trains the plain detector and every addition with each seed, on one split, and compares them on the
same test clips: AUC averaged over the seeds, and its gain over plain, paired, with bootstrap
intervals over groups. The interval is over clips; the AUC of each seed is beside it. "ensemble" is
the mean of the plain detectors of all seeds. A run that was stopped goes on; a run with other
--additions reuses what was trained.

Results are in recipes/results/additions.csv, their meaning in recipes/README.md: the preset dfdc_av
contains the additions that helped.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import tyro

from avfake import cli, evaluation, training
from avfake.errors import check_choice
from avfake.labels import COLUMNS

TrainingConfig = training.TrainingConfig
AUC, LOG_LOSS = evaluation.METRICS["auc"], evaluation.METRICS["log_loss"]
ADDITIONS: Mapping[str, Mapping[str, Any]] = {
    "plain": {},
    "winner": {"augment.picture": ("winner",)},
    "codec": {"augment.picture": ("flip", "codec"), "augment.sound": ("codec",)},
    "self-blending": {"augment.forge.face_rate": 0.5, "augment.forge.voice_rate": 0.5},
    "pair-mixup": {"augment.mix.pair_rate": 0.5},
    "sync": {"use_sync": True},
    "ema": {"fit.average": "ema"},
    "fusion-concat": {"fusion.kind": "concat"},
    "fusion-cross_attention": {"fusion.kind": "cross_attention"},
    "fusion-bilinear": {"fusion.kind": "bilinear"},
    "fusion-late": {"fusion.kind": "late"},
}
"""Name -> settings that differ from the plain detector."""


@dataclass(frozen=True)
class Config:
    """Train and compare."""

    clips: Annotated[tuple[str, ...], tyro.conf.UseAppendAction]
    """Folder (or URL of one) made by avfake prepare; repeat it to join datasets."""
    out: Path = Path("runs/additions")
    """Run folder; running again with the same settings goes on."""
    seeds: tuple[int, ...] = (0, 1, 2)
    additions: tuple[str, ...] = tuple(ADDITIONS)
    """Rows of the table; the plain detector is always one."""
    training: Annotated[TrainingConfig, tyro.conf.arg(name="")] = field(
        default_factory=lambda: TrainingConfig.preset("additions")
    )


def main(config: Config) -> None:
    for name in config.additions:
        check_choice("--additions", name, ADDITIONS)
    measured = {
        name: [train_and_measure(config, name, seed) for seed in config.seeds]
        for name in dict.fromkeys(("plain", *config.additions))
    }
    facts = training.environment()
    table = compare(measured).assign(
        seed=" ".join(map(str, config.seeds)),
        data=" ".join(Path(path).name for path in config.clips),
        commit=facts["commit"],
        machine=facts["machine"],
    )
    table.to_csv(config.out / "results.csv", index=False)
    print(render(table))


def train_and_measure(config: Config, name: str, seed: int) -> pd.DataFrame:
    """Return the scores of the test clips by one addition and seed, trained unless they exist."""
    home = config.out / name / f"seed_{seed}"
    scores = home / "test_scores.csv"
    if not scores.is_file():
        own = {**ADDITIONS[name], "seed": seed, "data.split_seed": 0}
        wanted = config.training.changed(own)
        training.train_and_test(name, config.clips, wanted, home)
    return pd.read_csv(scores)


def compare(measured: Mapping[str, Sequence[pd.DataFrame]]) -> pd.DataFrame:
    """Return one row for each addition, output and metric, beside the plain detector."""
    rows = []
    for output, (column, truth) in COLUMNS.items():
        scores = {name: np.stack([t[column] for t in runs]) for name, runs in measured.items()}
        scores["ensemble"] = scores["plain"].mean(axis=0, keepdims=True)
        clips = measured["plain"][0]
        labels, groups = clips[truth].to_numpy(float), clips["group"].tolist()
        for name, runs in scores.items():
            values = {
                "auc": evaluation.bootstrap(AUC, runs, labels, groups),
                "auc_gain": evaluation.bootstrap(
                    AUC, runs, labels, groups, against=scores["plain"]
                ),
                "log_loss": evaluation.bootstrap(LOG_LOSS, runs, labels, groups),
            }
            each = " ".join(f"{AUC(run, labels):.3f}" for run in runs)
            rows += [
                (name, output, "all", metric, found.value, found.low, found.high, each)
                for metric, found in values.items()
            ]
    columns = ["detector", "output", "kind", "metric", "value", "low", "high", "auc_by_seed"]
    return pd.DataFrame(rows, columns=columns)


def render(table: pd.DataFrame) -> str:
    """Return the table as text: a row an addition and output."""
    shown = table.assign(cell=[f"{v:.3f} [{a:.3f}, {b:.3f}]" for v, a, b in zip(
        table["value"], table["low"], table["high"], strict=True)])  # fmt: skip
    keys = ["output", "detector", "auc_by_seed"]
    wide = shown.pivot_table("cell", keys, "metric", aggfunc="first", sort=False)
    return str(wide.reset_index().to_string(index=False))


if __name__ == "__main__":
    cli.run_recipe(main, Config, __doc__)
