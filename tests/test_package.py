import configparser
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest
from packaging.version import Version

import avfake

HEAVY = {
    *("torch", "torchvision", "timm", "facenet_pytorch", "numpy", "scipy", "pandas", "sklearn"),
    *("lightgbm", "librosa", "moviepy", "matplotlib", "av", "PIL", "huggingface_hub"),
    *("accelerate", "jinja2", "sympy"),
}


def loaded_by(code: str) -> set[str]:
    """Return the modules that a new interpreter has after this code."""
    code += "\nimport sys; print(' '.join(sys.modules), file=sys.stderr)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return set(done.stderr.splitlines()[-1].split())


def test_the_public_names_are_there() -> None:
    for name in avfake.__all__:
        assert getattr(avfake, name) is not None


def test_importing_the_package_loads_nothing_heavy() -> None:
    assert not loaded_by("import avfake") & HEAVY


@pytest.mark.parametrize("args", [[], ["--help"], ["predict", "--help"]], ids=" ".join)
def test_help_loads_nothing_heavy(args: list[str]) -> None:
    code = "import avfake.cli, contextlib\n"
    code += f"with contextlib.suppress(SystemExit): avfake.cli.main({args})"
    assert not loaded_by(code) & HEAVY


def test_a_verdict_waits_for_nothing_that_only_training_needs() -> None:
    loaded = loaded_by("import avfake.scoring; avfake.Detector.default()")
    allowed = {"torch", "numpy", "av", "PIL"}
    if Version(metadata.version("torch")) < Version("2.11"):  # 2.6 needs it for the meta device
        allowed |= {"sympy"}
    assert not loaded & (HEAVY - allowed)
    # The compiler, which torchvision imports, takes as long as torch.
    assert not loaded & {"torch._dynamo", "avfake.training", "avfake.forgery", "avfake.augment"}


@pytest.mark.parametrize(("said", "heard"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_threads_sleep_while_they_wait_unless_told_otherwise(said: str | None, heard: str) -> None:
    env = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    done = subprocess.run(
        [sys.executable, "-c", "import avfake, os; print(os.environ['OMP_WAIT_POLICY'])"],
        env=env | ({"OMP_WAIT_POLICY": said} if said else {}),
        check=True,
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == heard


def test_a_wheel_ships_every_file_that_the_code_reads() -> None:
    root = Path(avfake.__file__).parents[1]
    config = configparser.ConfigParser()
    config.read(root / "setup.cfg")
    shipped = {
        path
        for package, patterns in config["options.package_data"].items()
        for pattern in patterns.split(",")
        for path in (root / package.replace(".", "/")).glob(pattern.strip())
    }
    read = {
        path
        for folder in ("avfake", "data_specs")
        for path in (root / folder).rglob("*")
        if path.is_file() and path.suffix not in (".py", ".pyc")
    }
    assert root / "avfake" / "report" / "page.html" in read
    assert read <= shipped
