"""The same detector without one part at a time, on the same test clips."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from avfake.clips import PreparedFolder
from avfake.detector import PredictOptions
from avfake.evaluation import render
from avfake.models import FUSIONS
from avfake.training.config import TrainingConfig
from avfake.training.measure import measure
from avfake.training.pipeline import TrainedDetector, train_detector
from avfake.training.results import announce, publish_test, record_results, save_table

SWITCHES: Mapping[str, Mapping[str, Any]] = {
    "no-audio": {"use_audio": False},
    "no-visual": {"use_visual": False},
    "no-stacker": {"use_stacker": False},
    "no-sync": {"use_sync": False},
}
"""Name -> the settings that switch a part off, in training and after it."""


def ablate(
    clips: Sequence[str | Path | PreparedFolder],
    config: TrainingConfig,
    out: Path,
    *,
    retrain: bool,
) -> TrainedDetector:
    """Return the full detector; print and write its metrics and those without one part each.

    Args:
        clips: prepared folders, or their paths
        retrain: train every variant, other fusions included; otherwise parts of the full detector
            are switched off, which shows at no cost what it relies on
    """
    folders = [c if isinstance(c, PreparedFolder) else PreparedFolder(c) for c in clips]
    full = train_detector(folders, config, out / "full")
    test, detector = full.plan.splits["test"], full.load()
    measured = [("full", measure(detector, test))]
    switches = {n: off for n, off in SWITCHES.items() if n != "no-sync" or config.use_sync}
    if retrain:
        variants = {name: replace(config, **off) for name, off in switches.items()}
        for kind in FUSIONS:
            if kind != config.fusion.kind:
                fusion = replace(config.fusion, kind=kind)
                variants[f"fusion-{kind}"] = replace(config, fusion=fusion)
        for name, variant in variants.items():
            done = train_detector(folders, variant, out / name)
            measured.append((name, measure(done.load(), test)))
    else:
        measured += [
            (name, measure(detector, test, PredictOptions(**off))) for name, off in switches.items()
        ]
    table = record_results(measured, full.plan, out, seed=config.seed)
    for name, scores in measured[1:]:
        save_table(out / f"scores_{name}.csv", scores)
    publish_test(full.detector, full.plan, measured[0][1], out / "scores_full.csv")
    announce(render(table))
    announce(f"pictures: {out / 'full/figures'}")
    return full
