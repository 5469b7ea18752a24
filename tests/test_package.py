import configparser
import os
import subprocess
import sys
from pathlib import Path

import pytest

import avfake


def test_the_public_names_are_there() -> None:
    for name in avfake.__all__:
        assert getattr(avfake, name) is not None


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = (
        "import sys, avfake, avfake.cli; "
        "print(sorted({'torch', 'librosa', 'pandas', 'lightgbm'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


def test_a_verdict_waits_for_nothing_that_only_training_needs() -> None:
    code = (
        "import sys, avfake.scoring; "
        "late = {'avfake.training', 'accelerate', 'librosa', 'matplotlib', 'moviepy', 'sklearn'}; "
        "print(sorted(late & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"


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
