"""What a worker answers: limits before work, one report, the name without its folder."""

import json
import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest

from avfake.limits import Limits, limited
from avfake.media import Waveform, write_audio
from avfake.web.answering import SAMPLE, Answer, Job, WarmUp, _answer, answer_one


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    found = tmp_path / "job"
    found.mkdir()
    return found


def test_a_file_that_is_too_long_is_answered_with_its_length(folder, monkeypatch):
    write_audio(folder / "long.wav", Waveform(np.zeros(8000 * 4, np.float32), 8000))
    monkeypatch.chdir(folder)
    with limited(Limits(hours=3 / 3600)):
        found = _answer(("none",), "mean", "long.wav", lambda words: None)
    assert found.verdict.p_fake is None
    assert found.sentence.startswith("This file could not be assessed: the file is longer than")
    assert "it lasts 4 s; up to 3 s are taken" in found.sentence
    assert found.page == ""


def test_a_video_gets_its_report_and_says_what_is_being_done(folder, detector_folder, studio_root):
    shutil.copyfile(min(studio_root.rglob("*.mp4")), folder / "a clip.mp4")
    names, steps, before = (str(detector_folder),), [], Path.cwd()
    found = answer_one(names, "mean", Job(folder, "a clip.mp4"), limits=Limits(), tell=steps.append)
    assert isinstance(found, Answer)
    assert "reading the file" in steps
    assert "finding faces and speech" in steps
    assert found.verdict.file == "a clip.mp4"
    assert found.verdict.p_fake is not None
    assert str(folder) not in found.page + found.document
    assert "Over time" in found.page
    assert json.loads(found.document)["sentence"] == found.sentence
    assert found.pdf[:5] in (b"", b"%PDF-")
    assert Path.cwd() == before
    assert not tempfile.gettempdir().startswith(str(folder))
    (folder / "broken.mp4").write_bytes(b"nothing of the kind")
    shutil.rmtree(folder / "out")
    broken = answer_one(
        names, "mean", Job(folder, "broken.mp4"), limits=Limits(), tell=steps.append
    )
    assert broken.sentence.startswith("This file could not be read: ")


def test_the_sample_is_generated_once_and_nothing_else_is_left(folder, detector_folder):
    names = (str(detector_folder),)
    answer_one(names, "mean", WarmUp(folder), limits=Limits(), tell=lambda words: None)
    assert [path.name for path in folder.iterdir()] == [SAMPLE]
