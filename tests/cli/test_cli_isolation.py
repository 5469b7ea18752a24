"""`avfake predict` and `avfake report` read files in a process of their own and outlive it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from avfake.parallel import Failure, map_isolated


def crash(item: str) -> str:
    if item == "crash":
        os.abort()
    return f"{item} by {os.getpid()}"


def avfake(*arguments: object) -> "subprocess.CompletedProcess[str]":
    env = {name: value for name, value in os.environ.items() if name != "AVFAKE_IN_PROCESS"}
    command = [sys.executable, "-m", "avfake", *map(str, arguments)]
    return subprocess.run(command, env=env, capture_output=True, text=True)


def test_a_crash_ends_the_worker_and_the_next_item_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AVFAKE_IN_PROCESS")
    found = dict(map_isolated(crash, ["crash", "b"], time_limit_seconds=60))
    assert found[0] == Failure("crashed", "exit code -6")
    assert found[1].startswith("b by ")
    assert found[1] != f"b by {os.getpid()}"


def test_a_file_that_takes_too_long_is_a_failed_answer(
    detector_folder: Path, studio_root: Path, tmp_path: Path
) -> None:
    video, flags = min(studio_root.glob("*.mp4")), ["--detector", detector_folder]
    done = avfake("predict", video, *flags, "--limits.seconds", 0.01, "--json")
    assert done.returncode == 1
    [reason] = json.loads(done.stdout)["reasons"]
    assert (reason["code"], reason["detail"]) == ("timed_out", "limit 0.01 s")
    page = tmp_path / "page.html"
    done = avfake("report", video, *flags, "--limits.seconds", 0.01, "--out", page)
    assert done.returncode == 1, done.stderr
    assert "the file took longer than the time limit" in page.read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="memory is known on Linux alone")
def test_a_file_that_takes_too_much_memory_is_a_failed_answer(
    detector_folder: Path, studio_root: Path
) -> None:
    ask = ("predict", min(studio_root.glob("*.mp4")), "--detector", detector_folder, "--json")
    done = avfake(*ask, "--limits.memory-gigabytes", 0.05)
    assert done.returncode == 1
    [reason] = json.loads(done.stdout)["reasons"]
    assert (reason["code"], reason["detail"]) == ("out_of_memory", "limit 0.05 GB")


def test_a_worker_answers_as_the_process_itself_would(
    detector_folder: Path, studio_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from avfake.detector import PredictOptions
    from avfake.scoring import iter_verdicts

    video = min(studio_root.glob("*.mp4"))
    ask = (["nothing.mp4", video], [str(detector_folder)], "mean", PredictOptions())
    here = [one.p_fake for one in iter_verdicts(*ask)]
    monkeypatch.delenv("AVFAKE_IN_PROCESS")
    assert [one.p_fake for one in iter_verdicts(*ask)] == here
    assert here[0] is None
    assert here[1] is not None


def test_a_mistake_of_the_user_is_said_as_before(studio_root: Path) -> None:
    done = avfake("predict", min(studio_root.glob("*.mp4")), "--detector", "no/such folder")
    assert done.returncode == 2
    assert "no/such folder" in done.stderr
    assert "Traceback" not in done.stderr
