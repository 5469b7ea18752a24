"""Several assembled detectors become one: written as an ensemble, measured beside its members."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from avfake.detector import Detector, write_ensemble
from avfake.errors import ConfigError
from avfake.storage import write_whole
from avfake.training.fitting.processes import is_main_process, on_main_process
from avfake.training.measure import measure
from avfake.training.pipeline import TrainedDetector
from avfake.training.results import publish_test, record_results


def join_detectors(
    members: Mapping[str, TrainedDetector], rule: str, out: Path, *, seed: int
) -> pd.DataFrame:
    """Write the ensemble into out/detector; the rows of `record_results` for it and its members.

    The ensemble comes first; its score of each test clip is written to test_scores.csv, what they
    come to also into its card.

    Args:
        members: name -> run; all with the same split, or ConfigError: one would be tested on what
            another was trained on
        rule: one of `calibration.RULES`, over the members' probabilities
    """
    plans = {done.plan.hash: done.plan for done in members.values()}
    if len(plans) != 1:
        found = ", ".join(f"{name} {done.plan.hash}" for name, done in members.items())
        raise ConfigError(
            f"the members were trained and tested on different clips ({found}); give all the same "
            "data.split_seed, shares, parts and num_folds"
        )
    [plan] = plans.values()
    folder = out / "detector"
    names = [str(done.detector) for done in members.values()]
    on_main_process(lambda: write_ensemble(folder, names, rule))
    named = {"ensemble": folder} | {name: done.detector for name, done in members.items()}
    measured = [
        (name, measure(Detector.from_pretrained(path), plan.splits["test"]))
        for name, path in named.items()
    ]
    if is_main_process():
        write_whole(out / "test_scores.csv", measured[0][1].to_csv(index=False))
        publish_test(folder, plan, out / "test_scores.csv")
    return record_results(measured, plan, out, seed=seed)
