"""What a killed process was writing is removed by the next run, and nothing else."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from avfake.storage.files import _this_process, remove_partials, replacing
from avfake.storage.remote import Url

WRITER = """
import sys, time
from pathlib import Path
from avfake.storage import replacing
target, ending = Path(sys.argv[1]), sys.argv[2]
with replacing(target, ending) as partial:
    partial.mkdir() if not ending else partial.write_text("half")
    print("there", flush=True)
    time.sleep(60)
"""


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def killed_while_writing(target: Path, ending: str) -> Path:
    """Return what a process leaves that is killed while it writes a file, or a folder."""
    before = set(target.parent.iterdir()) if target.parent.is_dir() else set()
    command = [sys.executable, "-c", WRITER, str(target), ending]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline()
        os.kill(process.pid, signal.SIGKILL)
    [left] = set(target.parent.iterdir()) - before
    return left


def test_what_a_killed_process_left_is_removed_and_what_a_living_one_writes_stays(
    tmp_path: Path,
) -> None:
    left = [
        killed_while_writing(tmp_path / "deep" / "a.zip", ".zip"),
        killed_while_writing(tmp_path / "detector", ""),
    ]
    (left[1] / "half").touch()
    number = left[0].name.rpartition("-")[2].partition(".")[0]
    others = [".x.partial-elsewhere-1", f".x.partial-{number}", ".hidden", "x.partial-1"]
    for name in others:
        (tmp_path / name).touch()
    with replacing(tmp_path / "b.csv") as mine:
        mine.touch()
        remove_partials(tmp_path)
        assert mine.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*others, "b.csv", "deep"])
    assert not list((tmp_path / "deep").iterdir())


def test_of_a_file_only_its_own_are_removed(tmp_path: Path) -> None:
    dead = _this_process().rpartition("-")[0] + "-" + str(2**22 + 1)  # above all numbers
    for name in ("scores.csv", "scores.csv.journal.jsonl", "other.csv"):
        (tmp_path / f".{name}.partial-{dead}").touch()
    remove_partials(tmp_path / "scores.csv")
    remove_partials(tmp_path / "nowhere" / "scores.csv")
    remove_partials(Url("memory://nowhere/scores.csv"))
    assert f".other.csv.partial-{dead}" in names_in(tmp_path)
    assert f".scores.csv.partial-{dead}" not in names_in(tmp_path)


@pytest.mark.parametrize("is_there", [True, False])
def test_a_folder_that_was_to_be_replaced_is_not_lost(tmp_path: Path, is_there: bool) -> None:
    dead = _this_process().rpartition("-")[0] + "-" + str(2**22 + 1)
    before = tmp_path / f".detector.before-{dead}"
    before.mkdir()
    (before / "old").touch()
    if is_there:
        (tmp_path / "detector").mkdir()
        (tmp_path / "detector" / "new").touch()
    remove_partials(tmp_path)
    assert names_in(tmp_path) == ["detector"]
    assert names_in(tmp_path / "detector") == ["new" if is_there else "old"]
