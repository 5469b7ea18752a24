"""The command line as its users meet it: whole processes, killed processes, honest exit codes."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from running import Run

from avfake.datasets.schema import load_spec


def avfake(*args: object) -> list[str]:
    return [sys.executable, "-m", "avfake", *map(str, args)]


def kill_after(command: list[str], journal: Path, lines: int) -> None:
    """Start a command and kill -9 it, children too, once its journal has so many lines."""
    process = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    until = time.monotonic() + 120
    while time.monotonic() < until and process.poll() is None:
        if journal.exists() and len(journal.read_text().splitlines()) >= lines:
            break
        time.sleep(0.01)
    killed = process.poll() is None
    if killed:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert killed, "the command ended before it could be killed"


def test_a_killed_prepare_and_predict_end_as_if_nothing_had_happened(
    run: Run, studio_root: Path, detector_folder: Path, tmp_path: Path
) -> None:
    def prepare(out: Path, workers: int) -> tuple[object, ...]:
        options = ("--frames", 4, "--size-px", 64, "--workers", workers)
        return ("prepare", "studio", studio_root, out, *options)

    assert run(*prepare(tmp_path / "calm", 0))[0] == 0
    kill_after(avfake(*prepare(tmp_path / "killed", 1)), tmp_path / "killed/journal.jsonl", 5)
    assert run(*prepare(tmp_path / "killed", 0))[0] == 0
    for name in ("status.csv", "manifest.csv", "clips.yaml"):
        assert (tmp_path / "killed" / name).read_bytes() == (tmp_path / "calm" / name).read_bytes()
    archives = sorted(path.name for path in (tmp_path / "calm/archives").iterdir())
    assert sorted(path.name for path in (tmp_path / "killed/archives").iterdir()) == archives
    for name in archives:
        killed, calm = (tmp_path / folder / "archives" / name for folder in ("killed", "calm"))
        assert killed.read_bytes() == calm.read_bytes()

    videos = sorted(studio_root.glob("*.mp4"))[:12]

    def predict(out: Path) -> tuple[object, ...]:
        tables = ("--out", out / "scores.csv", "--submission", out / "submission.csv")
        return ("predict", *videos, "--detector", detector_folder, *tables)

    assert run(*predict(tmp_path / "a"))[0] == 0
    kill_after(avfake(*predict(tmp_path / "b")), tmp_path / "b/scores.csv.journal.jsonl", 5)
    assert run(*predict(tmp_path / "b"))[0] == 0
    for name in ("scores.csv", "submission.csv"):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_a_verdict_is_one_readable_sentence(
    run: Run, studio_root: Path, detector_folder: Path
) -> None:
    video = sorted(studio_root.glob("*.mp4"))[0]
    code, out, _ = run("predict", video, "--detector", detector_folder, "--no-audio")
    assert code == 0
    assert f"{video}: unsure (probability of forgery" in out
    assert "voice: switched off by the user" in out


def test_a_batch_with_failures_exits_with_1_and_names_them(
    run: Run, detector_folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "words.mp4").write_text("no video")
    args = ("predict", tmp_path / "words.mp4", "--detector", detector_folder)
    code, out, _ = run(*args, "--out", tmp_path / "scores.csv")
    assert code == 1
    assert "1 files could not be assessed" in out
    assert "file:not_media" in out
    code, out, _ = run(*args)
    assert code == 1
    assert out.startswith(f"unreadable: {tmp_path / 'words.mp4'}: the file is not a video")


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("prepare", "dfdc", "{tmp}/nowhere", "{tmp}/out"), "nowhere"),
        (("prepare", "dfdc", "{tmp}", "{tmp}/out"), "avfake:"),
        (("prepare", "dfcd", "{tmp}", "{tmp}/out"), "dfdc"),
        (("prepare", "dfdc", "{tmp}", "{tmp}/out", "--set", "nonsense"), "KEY=VALUE"),
        (("predict", "{tmp}/x.mp4", "--detector", "{tmp}"), "not a whole detector"),
        (("evaluate", "{tmp}", "--detector", "{tmp}"), "not a folder of prepared clips"),
        (("predict", "--detector", "{tmp}"), "no file was named"),
        (("evaluate", "--detector", "{tmp}"), "no clips were given"),
        (("specs", "nothing"), "nothing"),
        (("studio", "{tmp}/s", "--clips", "0"), "num_clips"),
        (("studio", "{tmp}/s", "--splice-seconds", "1", "3"), "less than the 2 seconds"),
    ],
)
def test_a_mistake_is_a_sentence_and_never_a_traceback(
    run: Run, tmp_path: Path, args: tuple[str, ...], message: str
) -> None:
    code, _, err = run(*(arg.format(tmp=tmp_path) for arg in args))
    assert code == 2
    assert message in err
    assert "Traceback" not in err


def test_an_evaluation_prints_its_table(
    run: Run, prepared: object, detector_folder: Path, tmp_path: Path
) -> None:
    args = ("evaluate", prepared.path, "--detector", detector_folder, "--split", "test")  # type: ignore[attr-defined]
    code, out, _ = run(*args, "--no-visual", "--out", tmp_path / "scores.csv")
    assert code == 0
    assert "voice only" in out
    assert (tmp_path / "scores.csv").read_text().startswith("clip_id,")


def test_specs_are_listed_and_described(run: Run) -> None:
    lines = run("specs")[1].splitlines()
    by_name = {line.split()[0]: line for line in lines}
    assert {"csv", "dfdc", "folders", "studio"} <= by_name.keys()
    dfdc = load_spec("dfdc")
    columns = [by_name["dfdc"].index(dfdc.info[key]) for key in ("modality", "licence")]
    assert columns == [by_name["studio"].index(word) for word in ("picture", "Apache-2.0")]
    assert by_name["dfdc"].endswith(f" {dfdc.title}")
    assert "licence" in run("specs", "dfdc")[1]


def test_the_evidence_video_is_written(
    run: Run, studio_root: Path, detector_folder: Path, tmp_path: Path
) -> None:
    video = sorted(studio_root.glob("*.mp4"))[0]
    out = tmp_path / "evidence.mp4"
    code, text, _ = run("annotate", video, "--detector", detector_folder, "--out", out)
    assert code == 0
    assert out.stat().st_size > 1000
    assert str(out) in text


@pytest.mark.slow
def test_specs_work_from_an_installed_wheel_outside_the_checkout(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    wheel = [sys.executable, "-m", "build", "--wheel", "--outdir", str(tmp_path), str(root)]
    subprocess.run(wheel, check=True, capture_output=True)
    target = tmp_path / "site"
    [built] = tmp_path.glob("*.whl")
    shutil.unpack_archive(built, target, "zip")
    code = (
        "import avfake, data_specs, sys; from avfake.datasets import DatasetSpec; "
        "print(avfake.__file__, *(s.name for s in DatasetSpec.shipped()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(target)},
        check=True,
        capture_output=True,
        text=True,
    )
    assert str(target) in done.stdout
    assert "dfdc" in done.stdout
