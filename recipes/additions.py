"""What each addition is worth: the same detector with one thing more at a time, over several seeds.

    avfake studio studio/ --clips 960 --difficulty 0.85 --seed 7
    avfake prepare studio studio/ clips/ --frames 8 --size-px 128
    python recipes/additions.py --clips clips/ --out runs/additions

Trains the plain detector and every addition with each seed, on one split, and compares them on the
same test clips: AUC averaged over the seeds, and its gain over plain, paired, with bootstrap
intervals over groups. The interval is over clips; the seeds stand beside it one by one. "ensemble"
is the mean of the plain detectors of all seeds. Stopped, it goes on, and what one run has trained
the next one with other --additions finds done.

What was found stands in recipes/results/additions.csv, and what it means in recipes/README.md: the
defaults of the flagship are what helped.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import tyro

from avfake.augment import AugmentConfig, ForgeConfig, MixConfig
from avfake.cli import run_recipe
from avfake.clips import PreparedFolder
from avfake.config import nearest
from avfake.detector import Detector
from avfake.errors import ConfigError
from avfake.evaluation import METRICS, bootstrap, paired_difference
from avfake.labels import COLUMNS
from avfake.models import FUSIONS, AudioConfig, FusionConfig, VisualConfig
from avfake.storage import write_whole
from avfake.training import (
    DataConfig,
    FitConfig,
    OptimizerConfig,
    TrainingConfig,
    environment,
    measure,
    publish_test,
    train_detector,
)

PLAIN = TrainingConfig(
    visual=VisualConfig("test_resnet", pretrained=False, size_px=112, drop_path=0.0),
    audio=AudioConfig("test_resnet", pretrained=False),
    use_stacker=False,
    data=DataConfig(
        num_folds=5,
        trained_folds=1,
        val_share=0.08,
        test_share=0.7,
        num_frames=2,
        num_windows=1,
        window_seconds=1.5,
        keep_groups=True,
        undersample=False,
        passes=6,
    ),
    fit=FitConfig(epochs=6, optimizer=OptimizerConfig(learning_rate=2e-3)),
)
AUC, LOG_LOSS = METRICS["auc"], METRICS["log_loss"]


def _augmented(**changes: Any) -> Callable[[TrainingConfig], TrainingConfig]:
    return lambda config: replace(config, augment=AugmentConfig(**changes))


def _fused(kind: Any) -> Callable[[TrainingConfig], TrainingConfig]:
    return lambda config: replace(config, fusion=FusionConfig(kind))


ADDITIONS: Mapping[str, Callable[[TrainingConfig], TrainingConfig]] = {
    "plain": lambda config: config,
    "winner": _augmented(picture=("winner",)),
    "codec": _augmented(picture=("flip", "codec"), sound=("codec",)),
    "self-blending": _augmented(forge=ForgeConfig(face_rate=0.5, voice_rate=0.5)),
    "pair-mixup": _augmented(mix=MixConfig(pair_rate=0.5)),
    "sync": lambda config: replace(config, use_sync=True),
    "ema": lambda config: replace(config, fit=replace(config.fit, average="ema")),
    **{f"fusion-{kind}": _fused(kind) for kind in FUSIONS if kind != PLAIN.fusion.kind},
}
"""Name -> the plain config with one thing more."""


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
    assembly: Annotated[TrainingConfig, tyro.conf.arg(name="")] = field(
        default_factory=lambda: PLAIN
    )


def main(config: Config) -> None:
    for name in config.additions:
        if name not in ADDITIONS:
            raise ConfigError(
                f"--additions does not know {name!r}{nearest(name, ADDITIONS)}; "
                f"known: {', '.join(ADDITIONS)}"
            )
    folders = [PreparedFolder(path) for path in config.clips]
    measured = {
        name: [train_and_measure(folders, config, name, seed) for seed in config.seeds]
        for name in dict.fromkeys(("plain", *config.additions))
    }
    facts = environment()
    table = compare(measured).assign(
        seed=" ".join(map(str, config.seeds)),
        data=" ".join(folder.name for folder in folders),
        commit=facts["commit"],
        machine=facts["machine"],
    )
    write_whole(config.out / "results.csv", table.to_csv(index=False))
    print(render(table))


def train_and_measure(
    folders: list[PreparedFolder], config: Config, name: str, seed: int
) -> pd.DataFrame:
    """The scores of the test clips by one addition and seed, trained unless they are there."""
    home = config.out / name / f"seed_{seed}"
    scores = home / "test_scores.csv"
    if not scores.is_file():
        wanted = replace(ADDITIONS[name](config.assembly), seed=seed)
        wanted = replace(wanted, data=replace(wanted.data, split_seed=0))
        done = train_detector(folders, wanted, home)
        found = measure(Detector.from_pretrained(done.detector), done.plan.splits["test"])
        write_whole(scores, found.to_csv(index=False))
        publish_test(done.detector, done.plan, scores)
    return pd.read_csv(scores)


def compare(measured: Mapping[str, Sequence[pd.DataFrame]]) -> pd.DataFrame:
    """One row for each addition, output and metric, beside the plain detector."""
    rows = []
    for output, (column, truth) in COLUMNS.items():
        scores = {name: np.stack([t[column] for t in runs]) for name, runs in measured.items()}
        scores["ensemble"] = scores["plain"].mean(axis=0, keepdims=True)
        clips = measured["plain"][0]
        labels, groups = clips[truth].to_numpy(float), clips["group"].tolist()
        for name, runs in scores.items():
            values = {
                "auc": bootstrap(AUC, runs, labels, groups),
                "auc_gain": paired_difference(AUC, (runs, scores["plain"]), labels, groups),
                "log_loss": bootstrap(LOG_LOSS, runs, labels, groups),
            }
            each = " ".join(f"{AUC(run, labels):.3f}" for run in runs)
            rows += [
                (name, output, "all", metric, found.value, found.low, found.high, each)
                for metric, found in values.items()
            ]
    columns = ["detector", "output", "kind", "metric", "value", "low", "high", "auc_by_seed"]
    return pd.DataFrame(rows, columns=columns)


def render(table: pd.DataFrame) -> str:
    """The table as people read it: a row an addition and output."""
    shown = table.assign(cell=[f"{v:.3f} [{a:.3f}, {b:.3f}]" for v, a, b in zip(
        table["value"], table["low"], table["high"], strict=True)])  # fmt: skip
    keys = ["output", "detector", "auc_by_seed"]
    wide = shown.pivot_table("cell", keys, "metric", aggfunc="first", sort=False)
    return str(wide.reset_index().to_string(index=False))


if __name__ == "__main__":
    run_recipe(main, Config, __doc__)
