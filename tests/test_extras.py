"""Optional packages: predicting needs none, and what needs one names it in one sentence."""

import subprocess
import sys
from pathlib import Path

import pytest

from avfake.errors import ConfigError, require

BLOCKED = {
    "train": ("accelerate", "tensorboard"),
    "report": ("captum", "matplotlib"),
    "web": ("gradio",),
}
BLOCK = f"import sys; sys.modules.update(dict.fromkeys({sum(BLOCKED.values(), ())!r}));"


def run(code: str, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", BLOCK + code, *args], capture_output=True, text=True
    )


@pytest.fixture
def video(studio_root: Path) -> Path:
    return min(studio_root.rglob("*.mp4"))


@pytest.mark.parametrize(
    ("module", "extra", "what"),
    [
        ("accelerate", "train", "training"),
        ("captum.attr", "report", "a report or a figure"),
        ("matplotlib", "report", "a report or a figure"),
    ],
)
def test_a_missing_package_is_named_with_its_extra(
    module: str, extra: str, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = module.split(".")[0]
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigError) as refused:
        require(module, extra)
    assert str(refused.value) == f"{what} needs {package}: pip install 'avfake[{extra}]'"


def test_predicting_needs_no_extra(video: Path) -> None:
    code = (
        "from avfake import Detector; print(Detector.default().predict(sys.argv[1]).status);"
        "from avfake.cli import main; main(['predict', sys.argv[1]])"
    )
    done = run(code, str(video))
    assert done.returncode == 0, done.stderr


def test_a_report_without_captum_is_refused_in_one_sentence(
    video: Path, detector_folder: Path, tmp_path: Path
) -> None:
    """Maps of a convolutional network need it; those of the default detector do not."""
    page = tmp_path / "page.html"
    code = "from avfake.cli import main; main(['report', *sys.argv[1:]])"
    done = run(code, str(video), "--out", str(page), "--detector", str(detector_folder))
    assert done.returncode == 2
    last = done.stderr.strip().splitlines()[-1]
    assert last == "avfake: a report or a figure needs captum: pip install 'avfake[report]'"
    assert not page.exists()
