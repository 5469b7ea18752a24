"""Probabilities and sets keep their word on a thousand clips that training never saw."""

import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
PROMISED = 0.9


@pytest.mark.slow
@pytest.mark.timeout(5400)
def test_calibration_and_coverage_hold_on_clips_never_seen(pytestconfig: pytest.Config) -> None:
    # The studio is kept, but learned from anew: a detector of another day would speak for its code.
    home = pytestconfig.cache.mkdir("held_out_studio")
    for run in home.glob("run_*"):
        shutil.rmtree(run)
    command = [sys.executable, "-m", "benchmarks", "calibration", "--out", str(home)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    table = pd.read_csv(home / "calibration.csv")
    assert table["clips"].min() >= 1000
    # The error of one training varies: it was .040 and .070 for faces from two seeds.
    means = table.groupby(["output", "metric", "set"])["value"].mean()
    errors = means.xs("calibration_error", level="metric")
    assert set(errors.index.get_level_values("set")) == {"as trained", "prior 0.2"}
    assert errors.max() <= 0.05
    assert table[table["metric"] == "auc"]["value"].min() > 0.8
    covered = means["overall", "coverage"]
    [of_all] = covered[covered.index.str.startswith("all")]
    assert abs(of_all - PROMISED) <= 0.03
