"""Detectors that join must have been tested on the same clips, which none was trained on."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from avfake.clips.preparation.folder import PreparedFolder
from avfake.detector.detector import Detector
from avfake.errors import ConfigError
from avfake.training.comparisons import combine_detectors
from avfake.training.config import DataConfig, TrainingConfig
from avfake.training.pipeline import TrainedDetector, train_detector
from avfake.training.plan import gather, make_plan
from avfake.training.results import measure


def test_members_of_different_splits_are_refused(prepared: PreparedFolder, tmp_path: Path) -> None:
    examples = gather([prepared], assume_face_weight=1.0)
    shares = DataConfig(num_folds=2, val_share=0.2, test_share=0.3)
    plans = [make_plan(examples, shares, seed=seed) for seed in (0, 1)]
    members = {f"seed_{i}": TrainedDetector(tmp_path, plan) for i, plan in enumerate(plans)}
    with pytest.raises(ConfigError, match="data.split_seed"):
        combine_detectors(members, {"ensemble": members}, tmp_path, rule="mean", seed=0)


def test_the_ensemble_lies_between_its_members_and_is_measured_beside_them(
    prepared: PreparedFolder, tiny_config: TrainingConfig, run_folder: Path, tmp_path: Path
) -> None:
    data = replace(tiny_config.data, split_seed=tiny_config.seed)
    other = train_detector([prepared], replace(tiny_config, seed=1, data=data), tmp_path / "other")
    shutil.copytree(run_folder, tmp_path / "one")
    members = {"one": TrainedDetector(tmp_path / "one/detector", other.plan), "other": other}
    table = combine_detectors(
        members, {"ensemble": members}, tmp_path, rule="geometric_mean", seed=0
    )
    assert list(dict.fromkeys(table["detector"])) == ["ensemble", "one", "other"]
    written = pd.read_csv(tmp_path / "results.csv")
    assert set(written["split"]) == {other.plan.hash}
    assert written["machine"].str.contains("cores").all()
    assert (written["data"] == "studio " + "/".join(_sizes(other))).all()
    losses = table.query("output == 'overall' and kind == 'all' and metric == 'log_loss'")
    assert np.isfinite(losses["value"]).all()
    scores = pd.read_csv(tmp_path / "test_scores.csv")["p_fake"].to_numpy()
    alone = [
        measure(Detector.from_pretrained(done.detector), other.plan.splits["test"])["p_fake"]
        for done in members.values()
    ]
    assert (np.min(alone, axis=0) - 1e-9 <= scores).all()
    assert (scores <= np.max(alone, axis=0) + 1e-9).all()
    assert not np.allclose(alone[0], alone[1])


def _sizes(done: TrainedDetector) -> list[str]:
    return [str(len(done.plan.splits[name])) for name in ("train", "val", "test")]
