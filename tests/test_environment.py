"""A user that the machine does not know, without a home, can import and ask all the same."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from avfake import environment as surroundings
from avfake.errors import ConfigError, require

UNKNOWN = """
import os, pwd

def unknown(_):
    raise KeyError("getpwuid(): uid not found: 12345")

pwd.getpwuid = unknown
from pathlib import Path
import avfake.detector
from avfake.report import pictures
print(Path.home().is_dir(), os.access(os.environ["NUMBA_CACHE_DIR"], os.F_OK) or "to be made")
"""
NAMES = ("HOME", "LOGNAME", "USER", "LNAME", "USERNAME", "XDG_CACHE_HOME", *surroundings.CACHES)


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in NAMES:
        monkeypatch.setenv(name, "")  # so that it comes back as it was, or goes again
        monkeypatch.delenv(name)


def unknown(_: int) -> None:
    raise KeyError("getpwuid(): uid not found: 12345")


def test_a_user_without_an_entry_can_import_everything(tmp_path: Path) -> None:
    env = {name: value for name, value in os.environ.items() if name not in NAMES}
    done = subprocess.run(
        [sys.executable, "-c", UNKNOWN],
        env=env | {"TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith("True ")


def test_what_is_missing_is_set_and_what_is_there_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget(monkeypatch)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("MPLCONFIGDIR", "of the user")
    surroundings.provide()
    folder = tmp_path / f"avfake-{os.getuid()}"
    assert os.environ["USER"] == f"uid{os.getuid()}"
    assert os.environ["HOME"] == str(folder)
    assert os.environ["NUMBA_CACHE_DIR"] == str(folder / "numba_cache_dir")
    assert os.environ["MPLCONFIGDIR"] == "of the user"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_home_that_can_be_written_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget(monkeypatch)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USER", "somebody")
    surroundings.provide()
    assert "NUMBA_CACHE_DIR" not in os.environ
    monkeypatch.setattr("avfake.environment._can_be_written", lambda _: False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    surroundings.provide()
    assert os.environ["HOME"] == str(tmp_path)  # what is kept in it can still be read
    assert "NUMBA_CACHE_DIR" in os.environ


def test_a_folder_that_others_can_write_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    forget(monkeypatch)
    monkeypatch.setattr("pwd.getpwuid", unknown)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    prepared = tmp_path / f"avfake-{os.getuid()}"
    prepared.mkdir()
    prepared.chmod(0o777)
    surroundings.provide()
    assert Path(os.environ["HOME"]) != prepared
    assert Path(os.environ["HOME"]).parent == tmp_path


def test_a_missing_extra_is_one_sentence() -> None:
    with pytest.raises(ConfigError, match=r"training needs no_such: pip install 'avfake\[train\]'"):
        require("no_such.part", "train")
