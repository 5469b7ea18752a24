"""The same detector with one thing less at a time, on the same test clips: one table."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from avfake.clips import PreparedFolder
from avfake.detector import Detector, PredictOptions
from avfake.models import FUSIONS
from avfake.storage import write_whole
from avfake.training.config import TrainingConfig
from avfake.training.fitting.processes import is_main_process
from avfake.training.measure import measure
from avfake.training.pipeline import TrainedDetector, train_detector
from avfake.training.results import publish_test, record_results

SWITCHES: Mapping[str, Mapping[str, Any]] = {
    "no-audio": {"use_audio": False},
    "no-visual": {"use_visual": False},
    "no-stacker": {"use_stacker": False},
}
"""Name -> what differs from the full detector; possible in training and after it."""
SYNC_SWITCH = {"no-sync": {"use_sync": False}}
"""The same, for detectors that hold lips against sound."""


def ablate(
    folders: Sequence[PreparedFolder], config: TrainingConfig, out: Path, *, retrain: bool
) -> tuple[TrainedDetector, pd.DataFrame]:
    """The full run and the table of `ablation_table`, one detector a difference.

    retrain: train every variant afresh, other fusions included; otherwise the full detector is
    measured with a part switched off, which shows what it leans on at no cost.
    """
    full = train_detector(folders, config, out / "full")
    test = full.plan.splits["test"]
    detector = Detector.from_pretrained(full.detector)
    measured = [("full", measure(detector, test))]
    for name, changes in _switches(config).items():
        if not retrain:
            measured.append((name, measure(detector, test, PredictOptions(**changes))))
    if retrain:
        for name, variant in _variants(config):
            done = train_detector(folders, variant, out / name)
            measured.append((name, measure(Detector.from_pretrained(done.detector), test)))
    table = record_results(measured, full.plan, out, seed=config.seed)
    for name, scores in measured:
        write_whole(out / f"scores_{name}.csv", scores.to_csv(index=False))
    if is_main_process():
        publish_test(full.detector, full.plan, out / "scores_full.csv")
    return full, table


def _variants(config: TrainingConfig) -> Iterator[tuple[str, TrainingConfig]]:
    for name, changes in _switches(config).items():
        yield name, replace(config, **changes)
    for kind in FUSIONS:
        if kind != config.fusion.kind:
            yield f"fusion-{kind}", replace(config, fusion=replace(config.fusion, kind=kind))


def _switches(config: TrainingConfig) -> Mapping[str, Mapping[str, Any]]:
    return {**SWITCHES, **(SYNC_SWITCH if config.use_sync else {})}
