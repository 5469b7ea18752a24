"""Training across real processes: killed by the system, and several at once."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

SCRIPT = """
import sys, time
import torch
sys.path.insert(0, {tests!r})
torch.set_num_threads(1)
from test_train_loop import Path, config_of, run, shuffled

def slowly(epoch):
    time.sleep(0.1)
    return shuffled(epoch)

run(Path(sys.argv[1]), config_of(epochs=20, average="ema", average_decay=0.9), train_batches=slowly)
"""


@pytest.fixture
def script(tmp_path: Path) -> Path:
    path = tmp_path / "train.py"
    path.write_text(SCRIPT.format(tests=str(Path(__file__).parent)))
    return path


def validations(folder: Path) -> list[dict[str, float]]:
    lines = (folder / "metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["validation"] for line in lines]


@pytest.mark.slow
def test_kill_minus_nine_changes_nothing_in_the_end(script: Path, tmp_path: Path) -> None:
    straight, killed = tmp_path / "straight", tmp_path / "killed"
    subprocess.run([sys.executable, script, straight], check=True)
    num_kills = 0
    while not (killed / "result.json").exists():
        before = set(killed.glob("checkpoints/epoch-*"))
        process = subprocess.Popen([sys.executable, script, killed])
        while process.poll() is None and set(killed.glob("checkpoints/epoch-*")) <= before:
            time.sleep(0.005)
        time.sleep(0.13 * num_kills)  # another moment of the epoch each time
        if process.poll() is None:
            process.kill()
            num_kills += 1
        process.wait()
    assert num_kills > 1
    assert validations(killed) == validations(straight)
    assert (killed / "best.safetensors").read_bytes() == (
        straight / "best.safetensors"
    ).read_bytes()


@pytest.mark.slow
def test_two_processes_train_one_model(script: Path, tmp_path: Path) -> None:
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node=2"]
    subprocess.run([*launch, script, tmp_path / "both"], check=True, timeout=300)
    losses = [metrics["log_loss"] for metrics in validations(tmp_path / "both")]
    assert len(losses) == 20
    assert losses[-1] < losses[0] * 0.8
