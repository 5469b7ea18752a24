from pathlib import Path
from types import SimpleNamespace

import pytest

from avfake.cli import doctor


def test_every_check_of_a_fit_machine_is_free_of_problems(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _fit(monkeypatch, free=5_000_000_000)
    findings = {finding.name: finding for finding in doctor.examine(tmp_path / "not" / "yet")}
    expected = "python packages codecs devices threads networks disk weights self-test"
    assert list(findings) == expected.split()
    assert [f.name for f in findings.values() if f.level == "problem"] == []
    assert "predict" in findings["self-test"].found


def _fit(monkeypatch: pytest.MonkeyPatch, free: int) -> None:
    """Set what the machine that runs the tests may have otherwise: disk, threads, settings."""
    usage = SimpleNamespace(total=free, used=0, free=free)
    monkeypatch.setattr(doctor.shutil, "disk_usage", lambda _: usage)
    monkeypatch.setattr("torch.get_num_threads", lambda: 1)
    monkeypatch.delenv("AVFAKE_RUNTIME", raising=False)


def test_a_disk_that_is_almost_full_is_a_problem(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _fit(monkeypatch, free=4_200_000_000)
    finding = doctor._disk(tmp_path)
    assert finding.level == "problem"
    assert finding.found.startswith("4.2 GB free")
    assert "free 5 GB" in finding.advice
    assert "name another folder" in finding.advice


@pytest.mark.parametrize(
    ("change", "name", "advice"),
    [
        ({"DECODERS": ("h264", "nonsense")}, "codecs", "install the av wheel"),
        ({"PACKAGES": ("numpy", "not-there")}, "packages", "pip install not-there"),
    ],
)
def test_a_problem_comes_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    change: dict[str, object],
    name: str,
    advice: str,
) -> None:
    for setting, value in change.items():
        monkeypatch.setattr(doctor, setting, value)
    monkeypatch.setattr(doctor, "_self_test", lambda: doctor.Finding("self-test", "ok", ""))
    findings = {finding.name: finding for finding in doctor.examine(tmp_path)}
    assert findings[name].level == "problem"
    assert advice in findings[name].advice


def test_the_runtime_and_the_precision_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVFAKE_RUNTIME", "torch")
    monkeypatch.setattr("avfake.models.has_int8_products", lambda: True)
    assert "frozen transformers in int8" in doctor._networks().found
    monkeypatch.setattr("avfake.models.has_int8_products", lambda: False)
    assert "float32" in doctor._networks().found
    monkeypatch.setenv("AVFAKE_RUNTIME", "tensorrt")
    assert doctor._networks().level == "problem"


def test_more_threads_than_cores_are_a_problem(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("torch.get_num_threads", lambda: 999)
    assert "OMP_NUM_THREADS" in doctor._threads().advice
