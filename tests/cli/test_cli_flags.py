"""Flags that would do nothing are refused, and so are numbers that make no sense."""

import logging
from pathlib import Path

import pytest
from running import Run

from avfake.cli.flags import at_least, idle_settings, refuse_idle
from avfake.errors import ConfigError


@pytest.mark.parametrize(
    ("command", "named"),
    [
        ("predict a.mp4 --json --out s.csv", "--json"),
        ("predict a.mp4 --json --submission s.csv", "--json"),
        ("predict a.mp4 --fill 0.3", "--fill"),
        ("predict a.mp4 --fill 0 --out s.csv", "--fill"),
        ("predict a.mp4 --workers 2", "--workers"),
        ("predict a.mp4 --engine ray", "--engine"),
        ("predict a.mp4 --ray-address h:1", "--ray-address"),
        ("predict a.mp4 --out s.csv --ray-address h:1", "--ray-address"),
        ("predict a.mp4 --out s.csv --engine ray --workers 2", "--workers"),
        ("predict . --combine mean", "--combine"),
        ("predict . --detector d --combine mean", "--combine"),
        ("report a.mp4 --out page.html --combine max", "--combine"),
        ("prepare studio . out --detector-model m.tflite", "--detector-model"),
        ("prepare studio . out --ray-address h:1", "--ray-address"),
        ("prepare studio . out --engine ray --workers 2", "--workers"),
        ("ensemble a.csv b.csv --out c.csv --held-out h.csv", "--held-out"),
        ("card d --measured-on clips", "--measured-on"),
        ("card d --out-of-fold", "--out-of-fold"),
    ],
)
def test_a_flag_that_would_do_nothing_is_refused(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, named: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.mp4").touch()
    code, out, err = run(*command.split())
    assert (code, out) == (2, "")
    assert err.startswith(f"avfake: {named} does nothing here: ")
    assert len(err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == [tmp_path / "a.mp4"]


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("predict a.mp4 --out s.csv --workers -1", "--workers is -1; allowed: 0 or more"),
        ("predict a.mp4 --prior 2", "prior is 2"),
        ("predict a.mp4 --prior nan", "prior is nan"),
        ("predict a.mp4 --detector nowhere", "neither a detector folder nor a Hub name"),
        ("predict a.mp4 --detector ", "a detector has the empty name"),
        ("prepare studio . out --workers -1", "--workers is -1"),
        ("prepare studio . out --limit -1", "--limit is -1; allowed: 1 or more"),
        ("prepare studio . out --limit 0", "--limit is 0"),
        ("prepare studio . out --time-limit 0", "--time-limit is 0"),
        ("prepare studio . out --time-limit -1", "--time-limit is -1"),
        ("prepare studio . out --time-limit nan", "--time-limit is nan"),
        ("prepare studio . out --frames 0", "num_frames must be in [1, 1000], got 0"),
        ("labels m.csv out --workers -1", "--workers is -1"),
        ("stress m.csv --out out --workers -1", "--workers is -1"),
        ("stress m.csv --out out --limit -1", "--limit is -1"),
        ("audit m.csv --workers -1", "--workers is -1"),
        ("audit m.csv --limit nan", "--limit is nan; an AUC lies in [0, 1]"),
        ("studio out --workers -1", "--workers is -1"),
        ("studio out --clips 0", "num_clips must be 1 or more"),
        ("studio out --seconds nan", "seconds must be 1 or more"),
        ("studio out --seed -1", "seed must be 0 or more"),
        ("evaluate . --prior 0", "prior is 0"),
    ],
)
def test_a_number_that_makes_no_sense_is_named(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str, said: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.mp4").touch()
    code, _, err = run(*command.split(" "))
    assert code == 2
    assert said in err
    assert len(err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == [tmp_path / "a.mp4"]


def test_an_audit_needs_the_clips_that_it_is_told_of(run: Run, prepared: object) -> None:
    manifest = f"{prepared.path}/manifest.csv"  # type: ignore[attr-defined]
    code, _, err = run("audit", manifest, "--clips", "nowhere")
    assert code == 2
    assert "nowhere is not a folder of prepared clips" in err


def test_none_and_false_are_flags_that_were_not_given() -> None:
    refuse_idle({"--a": None, "--b": False}, "no reason")
    with pytest.raises(ConfigError, match="--c and --d do nothing here: no reason"):
        refuse_idle({"--a": None, "--c": 0, "--d": True}, "no reason")
    at_least(1, limit=None, time_limit=1.0)
    with pytest.raises(ConfigError, match="--time-limit is 0.5; allowed: 1 or more"):
        at_least(1, time_limit=0.5)


def test_settings_of_a_branch_that_is_off_are_noted(
    tiny_config: object, caplog: pytest.LogCaptureFixture
) -> None:
    from dataclasses import dataclass, replace

    from avfake.cli.main import run_recipe
    from avfake.training.config import TrainingConfig

    assert isinstance(tiny_config, TrainingConfig)
    quiet = replace(tiny_config, use_audio=False)
    flags = ["--audio.backbone", "x", "--visual.size-px=64", "--augment.sound", "telephone"]
    assert idle_settings(quiet, flags) == {"audio": ["--audio.backbone", "--augment.sound"]}
    assert idle_settings(tiny_config, flags) == {}
    assert idle_settings(tiny_config, ["--sync.width", "8"]) == {"sync": ["--sync.width"]}
    with pytest.raises(ConfigError, match="--sync compares picture and sound"):
        idle_settings(quiet, ["--sync"])

    @dataclass(frozen=True)
    class Config:
        assembly: TrainingConfig = quiet

    done: list[Config] = []
    with caplog.at_level(logging.WARNING), pytest.raises(SystemExit) as left:
        run_recipe(done.append, Config, None, ["--assembly.no-audio"])
    assert not left.value.code
    assert done == [Config()]
