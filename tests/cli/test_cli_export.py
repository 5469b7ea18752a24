"""`avfake export`: what it prints, and what it refuses before any work."""

import sys
from pathlib import Path

import pytest
from running import Run

from avfake.clips.preparation.folder import PreparedFolder
from avfake.detector import write_ensemble

PARTS = ("--no-stacker", "--no-sync")


def test_the_difference_is_printed(
    run: Run, detector_folder: Path, prepared: PreparedFolder, tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime")
    out = tmp_path / "network"
    checked = ("--clips", prepared.path, "--limit", 2)
    code, printed, err = run("export", detector_folder, "--out", out, *checked, *PARTS)
    assert code == 0, err
    assert printed.startswith("compared on 2 clips, ")
    assert "largest difference" in printed
    assert f"python {out / 'run.py'}" in printed
    # The same again replaces it; a file of the user's is not lost.
    (out / "notes.txt").write_text("mine")
    code, printed, err = run("export", detector_folder, "--out", out, *checked, *PARTS)
    assert code == 2
    assert "holds notes.txt, which would be lost" in err
    assert (out / "model.onnx").is_file()


def test_what_cannot_be_exported_is_refused(
    run: Run, detector_folder: Path, prepared: PreparedFolder, tmp_path: Path
) -> None:
    pytest.importorskip("onnxruntime")
    out = tmp_path / "network"
    for args, words in (
        ((detector_folder, "--limit", 2), "--limit does nothing here"),
        ((detector_folder, "--clips", tmp_path), "is not a folder of prepared clips"),
        ((tmp_path / "nowhere",), "neither a detector folder nor a Hub name"),
    ):
        code, _, err = run("export", *args, "--out", out, *PARTS)
        assert code == 2
        assert words in err
        assert not out.exists()
    write_ensemble(tmp_path / "both", [str(detector_folder)])
    code, _, err = run("export", tmp_path / "both", "--out", out, "--clips", prepared.path, *PARTS)
    assert code == 2
    assert "is an ensemble; export its members one by one" in err
    assert not out.exists()


def test_without_the_extra_it_is_named(
    run: Run, detector_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    code, _, err = run("export", detector_folder, "--out", tmp_path / "network")
    assert code == 2
    assert "exporting a detector needs onnxruntime: pip install 'avfake[export]'" in err
