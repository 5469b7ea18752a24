"""One small studio, prepared and learned from once a session, for all tests of the verbs.

The detector it gives knows nothing: it is there to be asked, not to be right.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from avfake.clips.config import ClipConfig
from avfake.clips.preparation.folder import PreparedFolder
from avfake.clips.preparation.prepare import prepare_clips
from avfake.datasets.build import build_manifest
from avfake.datasets.schema import load_spec
from avfake.detector.release import release_detector
from avfake.faces.cropping import CropConfig
from avfake.studio.build import build_studio
from avfake.studio.plan import StudioConfig
from avfake.training.config import TrainingConfig
from avfake.training.pipeline import train_detector

LONG_FILES = {
    *("test_recipes.py", "test_cli_no_space.py", "test_cli.py", "test_assembly.py"),
    *("test_assembly_together.py", "test_web_api.py", "test_web_page.py"),
}

# A test that reached for the network would fail on a plane, and wait for it first.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
# Converting every small network for OpenVINO takes longer than running it.
os.environ["AVFAKE_RUNTIME"] = "torch"
# Nor does each prediction of a test need a process, which imports torch anew.
os.environ["AVFAKE_IN_PROCESS"] = "1"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put long files first: at the end, one core would wait for the other."""
    items.sort(key=lambda item: item.path.name not in LONG_FILES)


@pytest.fixture(autouse=True)
def _small_and_repeatable() -> Iterator[None]:
    torch.set_num_threads(1)
    state = torch.get_rng_state()
    yield
    torch.set_rng_state(state)


@pytest.fixture(scope="session")
def studio_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("studio") / "studio"
    build_studio(root, StudioConfig(24, seconds=1.0), workers=0, show_progress=False)
    return root


@pytest.fixture(scope="session")
def prepared(studio_root: Path, tmp_path_factory: pytest.TempPathFactory) -> PreparedFolder:
    manifest = build_manifest(load_spec("studio"), studio_root)
    config = ClipConfig(num_frames=4, crop=CropConfig(size_px=64))
    return prepare_clips(manifest, tmp_path_factory.mktemp("prepared"), config, workers=0)


@pytest.fixture(scope="session")
def tiny_config() -> TrainingConfig:
    return TrainingConfig.preset("tiny")


@pytest.fixture(scope="session")
def run_folder(
    prepared: PreparedFolder, tiny_config: TrainingConfig, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    out = tmp_path_factory.mktemp("run") / "run"
    train_detector([prepared], tiny_config, out)
    return out


@pytest.fixture(scope="session")
def detector_folder(run_folder: Path) -> Path:
    return run_folder / "detector"


@pytest.fixture(scope="session")
def released(detector_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The detector, as if it were to ship."""
    return release_detector(
        detector_folder,
        tmp_path_factory.mktemp("released") / "default_detector",
        version="0.1",
        sources={"studio": "none"},
        licence="for tests alone; the code is Apache-2.0",
        terms="No use at all.",
    )


@pytest.fixture
def default_detector(released: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it in the place of the one that ships."""
    place = tmp_path / "site" / "default_detector"
    shutil.copytree(released, place)
    monkeypatch.setattr("avfake.detector.shipped.DEFAULT_FOLDER", place)
    return place
