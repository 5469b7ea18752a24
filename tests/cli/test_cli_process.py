"""The process as a shell meets it: closed streams, Ctrl-C, a machine that refuses."""

import errno
import os
import shlex
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest
from running import Run

from avfake.cli.process import run_to_the_end
from avfake.detector.detector import Detector
from avfake.detector.options import PredictOptions
from avfake.verdict import Verdict

AVFAKE = shlex.join([sys.executable, "-m", "avfake"])


def shell(command: str, at: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        cwd=at,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    ("redirected", "code"),
    [(">&-", 0), ("2>&-", 0), ("<&- >&- 2>&-", 0), ("| head -1", 0), ("2>/dev/full", 0)]
    + [(">/dev/full", 2)],
)
def test_streams_that_nobody_reads_are_no_accident(
    tmp_path: Path, redirected: str, code: int
) -> None:
    done = shell(f"{AVFAKE} specs {redirected}", tmp_path)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    if code:
        assert done.stderr.startswith("avfake: No space left on device")


def test_a_table_is_written_whole_whoever_has_stopped_to_listen(
    tmp_path: Path, studio_root: Path, detector_folder: Path
) -> None:
    video = min(studio_root.glob("*.mp4"))
    # With all streams closed, the first file that is opened would be the standard error.
    names = shlex.join([str(video), "--detector", str(detector_folder)])
    command = f"{AVFAKE} predict {names} --out s.csv --workers 1"
    done = shell(f"{command} <&- >&- 2>&-", tmp_path)
    assert done.returncode == 0
    lines = (tmp_path / "s.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["file", str(video)]
    assert not (tmp_path / "s.csv.journal.jsonl").read_text().startswith("score")


def test_a_closed_output_takes_no_table(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").touch()
    done = shell(f"{AVFAKE} predict a.mp4 --out /dev/stdout >&-", tmp_path)
    assert done.returncode == 2
    assert "--out /dev/stdout is not open for writing" in done.stderr


def test_a_folder_that_was_deleted_is_named(tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    script = Path(sys.executable).with_name("avfake")
    command = f"cd gone && rmdir ../gone && {shlex.quote(str(script))} specs"
    root = shlex.quote(str(Path(__file__).parents[2]))
    done = shell(f"PYTHONPATH={root} && {command}", tmp_path)
    assert done.returncode == 2
    assert done.stderr == "avfake: the folder you are in is gone; change to another one\n"


SLEEPERS = """
import time
from avfake.cli.process import open_streams, run_to_the_end
from avfake.parallel import map_items

def sleep(_):
    time.sleep(60)

def run():
    print("started", flush=True)
    list(map_items(sleep, range(4), workers=2))
    return 0

if __name__ == "__main__":
    open_streams()
    run_to_the_end(run, name="avfake")
"""


@pytest.mark.parametrize("seconds", [0.0, 1.5])
def test_ctrl_c_ends_workers_with_one_line(tmp_path: Path, seconds: float) -> None:
    script = tmp_path / "script.py"
    script.write_text(SLEEPERS)
    process = subprocess.Popen(
        [sys.executable, str(script)],
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "started\n"
    time.sleep(seconds)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does, to all of them
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err == "avfake: interrupted; run the same command again to go on\n"
    assert not running_in(process.pid)


def running_in(group: int) -> list[str]:
    """Processes of a group that still live, half a second later."""
    time.sleep(0.5)
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended since
            state, _, its_group = stat.read_text().rpartition(")")[2].split()[:3]
            found += [stat.parent.name] * (int(its_group) == group and state != "Z")
    return found


def test_one_file_without_memory_does_not_end_the_others(
    run: Run,
    tmp_path: Path,
    studio_root: Path,
    detector_folder: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = [shutil.copy(min(studio_root.glob("*.mp4")), tmp_path / f"{n}.mp4") for n in "ab"]
    predict = Detector.predict

    def hungry(self: Detector, path: Path, options: PredictOptions | None = None) -> Verdict:
        if path.name == "a.mp4":
            raise MemoryError("Unable to allocate 9 GiB")
        return predict(self, path, options)

    monkeypatch.setattr(Detector, "predict", hungry)
    code, out, err = run("predict", *files, "--detector", detector_folder)
    assert code == 1
    assert "there was too little memory for this file (Unable to allocate 9 GiB)" in out
    assert f"{files[1]}: unsure" in out
    assert "Traceback" not in out + err
    code, out, _ = run("predict", *files, "--detector", detector_folder, "--json")
    assert '"out_of_memory"' in out


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/x/y"), "/x/y: No space left on device"),
        (PermissionError(errno.EACCES, "Permission denied", "/x"), "/x: Permission denied"),
        (OSError("of a library"), "of a library"),
        (MemoryError(), "there is too little memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "there is too little memory"),
    ],
)
def test_what_the_machine_refuses_is_one_line(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    said: str,
) -> None:
    def refused() -> int:
        raise error

    with pytest.raises(SystemExit) as left:
        run_to_the_end(refused, name="avfake")
    assert left.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith(f"avfake: {said}")
    monkeypatch.setenv("AVFAKE_TRACEBACK", "1")
    with pytest.raises(SystemExit):
        run_to_the_end(refused, name="avfake")
    assert "Traceback" in capsys.readouterr().err


def test_a_fault_of_ours_keeps_its_traceback() -> None:
    def faulty() -> int:
        raise RuntimeError("a fault of ours")

    with pytest.raises(RuntimeError, match="a fault of ours"):
        run_to_the_end(faulty, name="avfake")
