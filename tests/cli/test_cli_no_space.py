"""A disk that is full, or a file that may not grow: one sentence, code 2, and the run goes on.

RLIMIT_FSIZE makes the system refuse what is longer, in this process and in its workers.
"""

import resource
import shutil
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from avfake.cli import main, run_recipe
from avfake.clips import PreparedFolder
from avfake.training import TrainingConfig, train_detector

Run = Callable[..., tuple[int, str]]


@dataclass(frozen=True)
class Config:
    clips: str
    out: Path


def train(args: Sequence[str]) -> None:
    def recipe(config: Config) -> None:
        clips = [PreparedFolder(config.clips)]
        train_detector(clips, TrainingConfig.preset("tiny"), config.out)

    run_recipe(recipe, Config, None, args)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command: its exit code, and what it wrote to standard error."""

    def call(
        command: Callable[[Sequence[str]], None], *args: object, most_bytes: int | None = None
    ) -> tuple[int, str]:
        """most_bytes: the longest file that it may write."""
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(
            resource.RLIMIT_FSIZE, (soft if most_bytes is None else most_bytes, hard)
        )
        try:
            with pytest.raises(SystemExit) as left:
                command([str(arg) for arg in args])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        return int(left.value.code or 0), capsys.readouterr().err

    return call


def refused(done: tuple[int, str], name: str, *, cause: str = "File too large") -> None:
    """Check that a command ended with one sentence, which names what could not be written."""
    code, err = done
    assert code == 2, err
    assert "Traceback" not in err
    [sentence] = [line for line in err.splitlines() if line.startswith("avfake")]
    assert name in sentence
    assert cause in sentence


def contents(folder: Path, pattern: str = "*") -> dict[str, bytes]:
    found = (path for path in folder.rglob(pattern) if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def test_prepare_ends_blames_no_file_and_goes_on(
    run: Run, studio_root: Path, prepared: PreparedFolder, tmp_path: Path
) -> None:
    out = tmp_path / "clips"
    sizes = ("--frames", 4, "--size-px", 64, "--workers", 1)
    command = (main, "prepare", "studio", studio_root, out, *sizes)
    calm = Path(str(prepared.path))
    lengths = sorted(len(content) for content in contents(calm / "archives").values())
    refused(run(*command, most_bytes=lengths[len(lengths) // 2]), "archives/")
    assert not (out / "status.csv").exists()
    for archive in out.rglob("*.zip"):
        assert zipfile.ZipFile(archive).testzip() is None
    assert "failed" not in (out / "journal.jsonl").read_text()
    assert run(*command)[0] == 0
    assert contents(out / "archives") == contents(calm / "archives")
    assert (out / "status.csv").read_bytes() == (calm / "status.csv").read_bytes()


def test_predict_ends_and_goes_on(
    run: Run, studio_root: Path, detector_folder: Path, tmp_path: Path
) -> None:
    def command(out: Path) -> tuple[object, ...]:
        outs = ("--out", out / "scores.csv", "--submission", out / "submission.csv")
        return (main, "predict", studio_root, "--detector", detector_folder, *outs)

    calm, full = tmp_path / "calm", tmp_path / "full"
    assert run(*command(calm))[0] == 0
    lines = (calm / "scores.csv.journal.jsonl").read_bytes()
    # In the middle of a line of the journal (past what `Output` tries), then of the shorter table.
    table = (calm / "scores.csv").stat().st_size
    assert table < len(lines) // 2
    refused(run(*command(full), most_bytes=len(lines) * 3 // 4 + 7), "scores.csv.journal.jsonl")
    assert not (full / "scores.csv").exists()
    assert run(*command(full))[0] == 0
    for name in ("scores.csv", "submission.csv"):
        assert (full / name).read_bytes() == (calm / name).read_bytes()
    (full / "scores.csv").unlink()
    refused(run(*command(full), most_bytes=table - 1), "scores.csv")
    assert not (full / "scores.csv").exists()
    assert run(*command(full))[0] == 0
    assert (full / "scores.csv").read_bytes() == (calm / "scores.csv").read_bytes()
    assert not [name for name in contents(full) if name.startswith(".")]


@pytest.mark.parametrize(
    ("most_bytes", "what"),
    [
        (50_000, "could not be written"),
        (1_000_000, "checkpoint of epoch 1"),
        (3_000_000, "epoch 1"),
    ],
    ids=["first", "weights", "optimizer"],
)
def test_training_ends_and_goes_on(
    run: Run,
    prepared: PreparedFolder,
    run_folder: Path,
    tmp_path: Path,
    most_bytes: int,
    what: str,
) -> None:
    out = tmp_path / "run"
    command = (train, "--clips", prepared.path, "--out", out)
    refused(run(*command, most_bytes=most_bytes), what, cause="")
    assert not (out / "detector").exists()
    assert not list(out.rglob("checkpoints/epoch-*"))
    if what != "epoch 1":
        return
    assert run(*command)[0] == 0
    shutil.rmtree(out / "detector")
    refused(run(*command, most_bytes=1_000_000), f"{out / 'detector'} could not be written")
    assert not list(out.glob("*detector*"))
    assert run(*command)[0] == 0
    for name in ("member_0.safetensors", "member_1.safetensors", "calibration.json"):
        mine, calm = out / "detector" / name, run_folder / "detector" / name
        assert mine.read_bytes() == calm.read_bytes()
