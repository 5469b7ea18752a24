"""The speed suite runs, on a tiny video and small networks; how fast, no test asks."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from benchmarks import floor, table  # noqa: E402  (outside of the package)
from benchmarks.measuring import Cost, in_turns, keep, row  # noqa: E402


def benchmark(*arguments: object) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "benchmarks", *map(str, arguments)]
    env = os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True)


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bench")
    flags = ["--detector", "small", "--kind", "tiny", "--options", "use_stacker=false"]
    flags += ["--repeats", 1, "--results", out / "speed.csv"]
    done = benchmark("speed", "--out", out / "made", *flags)
    assert done.returncode == 0, done.stderr
    return out


def test_each_pipeline_has_its_stages_and_each_ratio_its_row(results: Path) -> None:
    rows = pd.read_csv(results / "speed.csv")
    stages = rows.groupby("pipeline")["stage"].agg(set)
    wanted = ["probe", "decode", "detect", "track", "crop", "sound", "mel", "stack"]
    wanted += ["archive write", "archive read", "visual forward", "audio forward", "end to end"]
    assert stages["avfake"] == set(wanted)
    assert stages["floor"] == {"decode", "visual forward", "audio forward", "end to end"}
    assert stages["straightforward"] == stages["floor"] | {"detect"}
    assert set(stages.index) - {"avfake", "floor", "straightforward"} == {
        *("avfake, use_stacker=false", "avfake / floor", "straightforward / avfake"),
        *("avfake, use_stacker=false / floor", "straightforward / avfake, use_stacker=false"),
    }
    assert (rows[["wall_median", "wall_min", "wall_max", "cpu_median"]] >= 0).all().all()
    notes = rows.set_index(["pipeline", "stage"])["note"]
    assert notes["floor", "visual forward"].startswith("4 inputs, ")
    assert rows["commit"].notna().all()
    assert rows["hardware"].str.contains("cores").all()


def test_the_tables_and_the_picture_are_made_from_the_rows(results: Path) -> None:
    document = results / "performance.md"
    document.write_text(
        "before\n<!-- table answers -->\nold\n<!-- end -->\nafter\n"
        "<!-- table facts of other -->\n<!-- end -->"
    )
    rows = pd.read_csv(results / "speed.csv").assign(detector="b0", kind="1080p")
    rows.to_csv(results / "speed.csv", index=False)
    rows.assign(hardware="another").to_csv(results / "speed_other.csv", index=False)
    table.main(table.Config(results, document))
    text = document.read_text()
    assert text.startswith("before\n<!-- table answers -->\n\n| detector ")
    assert "|\n\n<!-- end -->\nafter\n" in text
    assert "<!-- table facts of other -->\n\n- another; " in text
    assert "old" not in text
    assert "use_stacker=false" in text
    assert (results / "pictures" / "speed.png").stat().st_size > 1000


def test_an_unknown_benchmark_or_kind_is_refused_with_what_there_is(tmp_path: Path) -> None:
    done = benchmark("sped")
    assert done.returncode == 2
    assert "straightforward" in done.stdout
    done = benchmark("speed", "--out", tmp_path, "--options", "hurry=true")
    assert done.returncode == 1
    assert done.stderr.startswith("unknown: hurry; known: ")
    done = benchmark("memory", "--out", tmp_path, "--file", "9K")
    assert done.returncode == 1
    assert done.stderr == "unknown: 9K; known: 3 h of 1080p, 8K, 500 faces, 2 h of sound\n"


def test_rows_replace_those_of_their_name_and_keep_others(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    keep(path, [row([Cost(1, 2)], stage=name) for name in ("a", "b")], keys=("stage",))
    keep(path, [row([Cost(3, 4), Cost(5, 6), Cost(9, 7)], stage="a")], keys=("stage",))
    rows = pd.read_csv(path).set_index("stage")
    assert sorted(rows.index) == ["a", "b"]
    assert rows.loc["a", ["wall_median", "wall_min", "wall_max", "cpu_median"]].tolist() == [
        5,
        3,
        9,
        6,
    ]
    assert rows.loc["b", "repeats"] == 1


def test_calls_take_turns() -> None:
    order: list[str] = []
    calls = {name: lambda name=name: order.append(name) for name in "ab"}
    costs = in_turns(calls, 2, warm_up=False)
    assert order == ["a", "b", "a", "b"]
    assert [len(found) for found in costs.values()] == [2, 2]


def test_the_fastest_runtime_computes_what_the_network_does() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten()).eval()
    items = torch.randn(3, 3, 8, 8)
    bare = floor.fastest(network, items, threads=1)
    wanted = network(items).detach().numpy()
    assert np.abs(bare.forward(items) - wanted).max() < 0.05 * np.abs(wanted).max()
