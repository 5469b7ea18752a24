"""A recipe on two processes: one training, one detector, one table; the first alone writes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from avfake.clips.preparation.folder import PreparedFolder

RECIPES = Path(__file__).parents[2] / "recipes"
TINY = (
    "--visual.backbone test_efficientnet --visual.size-px 64 --visual.weights none "
    "--audio.backbone test_resnet --audio.weights none --fit.epochs 2 --data.num-folds 2 "
    "--data.val-share 0.2 --data.test-share 0.3 --data.window-seconds 1.0 --data.batch-size 4 "
    "--fit.frozen-epochs 1 --fit.average swa --fit.metric weighted_log_loss "
    "--data.loader-workers 1"
)
TORCHRUN = ["torch.distributed.run", "--standalone", "--nproc-per-node=2"]
ACCELERATE = ["accelerate.commands.launch", "--multi_gpu", "--num_processes=2"]


def launch(launcher: list[str], out: Path, clips: Path, *more: str) -> subprocess.CompletedProcess:
    command = [sys.executable, "-m", *launcher, str(RECIPES / "dfdc_av.py")]
    flags = ["--clips", str(clips), "--out", str(out), *TINY.split(), *more]
    return subprocess.run(
        [*command, *flags],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


@pytest.mark.slow
def test_two_processes_make_one_detector_and_repeat_themselves(
    prepared: PreparedFolder, tmp_path: Path
) -> None:
    bests = []
    for name, launcher in (("torchrun", TORCHRUN), ("accelerate", ACCELERATE)):
        done = launch(launcher, tmp_path / name, prepared.path)
        assert done.returncode == 0, done.stderr[-2000:]
        assert done.stdout.count("detector: ") == 1
        assert done.stderr.count("epoch 2 of 2") == 2  # once a member
        assert (tmp_path / name / "results.csv").is_file()
        bests.append(load_file(tmp_path / name / "member_0" / "best.safetensors"))
        lines = (tmp_path / name / "member_0" / "metrics.jsonl").read_text().splitlines()
        assert [json.loads(line)["epoch"] for line in lines] == [1, 2]
    assert all(torch.equal(bests[0][key], bests[1][key]) for key in bests[0])


@pytest.mark.slow
def test_a_mistake_on_two_processes_ends_both_with_a_sentence(
    prepared: PreparedFolder, tmp_path: Path
) -> None:
    done = launch(TORCHRUN, tmp_path / "a", prepared.path, "--data.dataset-weights", "nobody=2")
    assert done.returncode != 0
    assert "avfake recipe: a folder of data.dataset_weights must be one of" in done.stderr
    assert "Error: a folder" not in done.stderr  # as the last line of a traceback would be
