"""Detectors compared on the same test clips: an ensemble and its members, or one without a part."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from avfake.clips import PreparedFolder
from avfake.detector import Detector, PredictOptions, write_ensemble
from avfake.errors import ConfigError
from avfake.models import FUSIONS
from avfake.training.accelerator import on_main_process
from avfake.training.config import NoBranchError, TrainingConfig
from avfake.training.pipeline import TrainedDetector, logger, train_detector
from avfake.training.results import announce, measure, publish_test, record_results, save_table

ENSEMBLE = "ensemble"
"""Name of the only ensemble of a run; it is written into out/detector."""


def train_ensemble(
    clips: Sequence[str | Path],
    members: Mapping[str, TrainingConfig],
    out: Path,
    *,
    rule: str,
    optional: str = "",
) -> None:
    """Train the members, write and measure their ensemble, and print and publish the results.

    Args:
        clips: prepared folders
        members: name -> its settings
        rule: name of a rule of `avfake ensemble`, over the members' probabilities
        optional: member that is left out where the clips lack its labels; without it there are two
            ensembles, "blend" without it and "blend+NAME" with it
    """
    folders = [PreparedFolder(path) for path in clips]
    trained: dict[str, TrainedDetector] = {}
    for name, config in members.items():
        try:
            trained[name] = train_detector(folders, config, out / name)
        except NoBranchError as error:
            if name != optional:
                raise
            logger.warning("no %s model: %s", name, error)
    ensembles = {ENSEMBLE: tuple(trained)}
    if optional:
        ensembles = {"blend": tuple(name for name in trained if name != optional)}
        if optional in trained:
            ensembles[f"blend+{optional}"] = tuple(trained)
    seed = next(iter(members.values())).seed
    combine_detectors(trained, ensembles, out, rule=rule, seed=seed)
    for name in ensembles:
        announce(f"{name}: {_folder(name, out)}")


def combine_detectors(
    members: Mapping[str, TrainedDetector],
    ensembles: Mapping[str, Collection[str]],
    out: Path,
    *,
    rule: str,
    seed: int,
) -> pd.DataFrame:
    """Write and measure ensembles; return `record_results`, of ensembles first, then of members.

    Scores and cards of all of them are written.

    Args:
        members: name -> run; all with the same split, or ConfigError: one would be tested on what
            another was trained on
        ensembles: name -> names of its members
    """
    plan = next(iter(members.values())).plan
    if any(done.plan.hash != plan.hash for done in members.values()):
        found = ", ".join(f"{name} {done.plan.hash}" for name, done in members.items())
        raise ConfigError(
            f"the members were trained and tested on different clips ({found}); give all the same "
            "data.split_seed, shares, parts and num_folds"
        )
    named = {name: done.detector for name, done in members.items()}
    for name, chosen in ensembles.items():
        paths = [str(named[one]) for one in chosen]
        on_main_process(partial(write_ensemble, _folder(name, out), paths, rule))
    named |= {name: _folder(name, out) for name in ensembles}
    scores = {}
    for name, detector in named.items():  # ensembles last: the pictures in `out` are theirs
        scores[name] = measure(Detector.from_pretrained(detector), plan.splits["test"])
        file = "test_scores.csv" if name == ENSEMBLE else f"scores_{name}.csv"
        publish_test(detector, plan, scores[name], out / file)
    order = [*reversed(list(ensembles)), *members]
    return record_results({name: scores[name] for name in order}, plan, out, seed=seed)


def _folder(name: str, out: Path) -> Path:
    return out / ("detector" if name == ENSEMBLE else name)


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
    measured = {"full": measure(detector, test)}
    switches = {n: off for n, off in SWITCHES.items() if n != "no-sync" or config.use_sync}
    if retrain:
        variants = {name: replace(config, **off) for name, off in switches.items()}
        fusions = [replace(config.fusion, kind=k) for k in FUSIONS if k != config.fusion.kind]
        variants |= {f"fusion-{one.kind}": replace(config, fusion=one) for one in fusions}
        for name, variant in variants.items():
            measured[name] = measure(train_detector(folders, variant, out / name).load(), test)
    else:
        for name, off in switches.items():
            measured[name] = measure(detector, test, PredictOptions(**off))
    for name, scores in measured.items():
        save_table(out / f"scores_{name}.csv", scores)
    publish_test(full.detector, full.plan, measured["full"], out / "scores_full.csv")
    record_results(measured, full.plan, out, seed=config.seed)
    announce(f"pictures: {out / 'full/figures'}")
    return full
