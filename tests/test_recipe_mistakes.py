"""Flags that name nothing known: one sentence each, with the names that are near."""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from avfake.cli.main import run_recipe
from avfake.clips.preparation.folder import PreparedFolder

RECIPES = Path(__file__).parents[1] / "recipes"


def recipe(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"recipe_{name}", RECIPES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def said_by(name: str, flags: list[str], capfd: pytest.CaptureFixture[str]) -> str:
    """What the recipe said of a mistake."""
    module = recipe(name)
    with pytest.raises(SystemExit) as left:
        run_recipe(module.main, module.Config, module.__doc__, flags)
    assert left.value.code == 2
    captured = capfd.readouterr()
    said = captured.err + captured.out
    assert "Traceback" not in said
    return said


@pytest.mark.parametrize(
    ("flag", "value", "near"),
    [
        ("--visual.backbone", "tf_eficientnet_b0", "tf_efficientnet_b0"),
        ("--audio.backbone", "resnet_18", "resnet18"),
        ("--fusion.kind", "concta", "concat"),
        ("--augment.picture", "winer", "winner"),
        ("--augment.sound", "telefone", "telephone"),
        ("--fit.optimizer", "adamww", "adamw"),
        ("--fit.schedule", "cosin", "cosine"),
        ("--fit.average", "emma", "ema"),
        ("--fit.trackers", "tensorbord", "tensorboard"),
    ],
)
def test_an_unknown_name_is_answered_with_the_nearest(
    prepared: PreparedFolder,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    flag: str,
    value: str,
    near: str,
) -> None:
    flags = ["--clips", str(prepared.path), "--out", str(tmp_path / "run"), flag, value]
    more = ["--visual.weights", "none", "--audio.weights", "none", "--data.val-share", "0.2"]
    said = said_by("dfdc_av", [*flags, *more], capfd)
    assert value in said
    assert near in said


def test_the_demo_refuses_several_processes(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    said = said_by("synthetic", ["--out", str(tmp_path / "demo")], capfd)
    assert "is for one process, and was started as one of 2" in said
    assert not (tmp_path / "demo").exists()
