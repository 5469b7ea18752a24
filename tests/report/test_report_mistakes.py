"""Several detectors, and what a user can get wrong: one line each, before any work."""

from dataclasses import replace

import pytest

from avfake.cli.main import main
from avfake.cli.verbs_files import report
from avfake.detector.bundle import Bundle


def run(*args):
    with pytest.raises(SystemExit) as left:
        main(["report", *map(str, args)])
    return left.value.code


@pytest.fixture(scope="module")
def video(studio_root):
    return sorted(studio_root.glob("*.mp4"))[0]


@pytest.fixture(scope="module")
def deaf(detector_folder, tmp_path_factory):
    """A detector that never learned the voice and looks at fewer frames."""
    bundle = Bundle.read(detector_folder)
    outputs = {name: one for name, one in bundle.decision_model.outputs.items() if name != "voice"}
    decision_model = replace(
        bundle.decision_model, outputs=outputs, not_trained={"voice": "no labels"}
    )
    folder = tmp_path_factory.mktemp("members") / "deaf"
    fewer = replace(bundle.spec, clip=replace(bundle.spec.clip, num_frames=3))
    replace(bundle, decision_model=decision_model, spec=fewer).save(folder)
    return folder


def test_each_part_is_explained_by_a_detector_that_judges_it(
    video, deaf, detector_folder, tmp_path, capsys
):
    out = tmp_path / "page.html"
    assert run(video, "--detector", deaf, "--detector", detector_folder, "--out", out) == 0
    text = out.read_text()
    faces, sound = text.split("The faces with most weight")[1].split("The segments of sound")
    assert f"Seen by <bdi>{deaf}@" in faces
    assert text.count(', heat map"') == 3  # as many crops as that one looks at
    assert f"Seen by <bdi>{detector_folder}@" in sound.split("How this was made")[0]
    assert 'alt="Spectrogram of' in sound
    assert "mean of " in capsys.readouterr().out or "mean of " in text


def test_an_unreadable_file_gives_a_page_with_several_detectors_too(
    deaf, detector_folder, tmp_path
):
    broken, out = tmp_path / "broken.mp4", tmp_path / "page.html"
    broken.write_bytes(b"nothing of the kind")
    assert run(broken, "--detector", deaf, "--detector", detector_folder, "--out", out) == 1
    assert "not a video or sound file" in out.read_text()


def test_mistakes_are_named_in_one_line_before_the_work(
    video, deaf, detector_folder, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr("avfake.report.collect_evidence", None)  # the work
    (tmp_path / "file").write_text("")
    good = ("--detector", detector_folder, "--out", tmp_path / "page.html")
    to = ("--detector", detector_folder, "--out")
    for args, said in [
        ((tmp_path / "nowhere.mp4", *good), "nowhere.mp4 does not exist"),
        ((tmp_path, *good), "is a folder; a report is about one file"),
        ((video, *to, tmp_path), "is a folder; name the page in it"),
        ((video, *to, tmp_path / "file" / "page.html"), "is a file, no folder"),
        ((video, "--detector", tmp_path, "--out", tmp_path / "a.html"), "not a whole detector"),
        ((video, *good, "--detector", deaf, "--combine", "medain"), "did you mean 'median'"),
        ((video, *good, "--no-audio", "--no-visual"), "nothing to assess"),
    ]:
        assert run(*args) == 2
        printed = capsys.readouterr().err.strip()
        assert said in printed
        assert "\n" not in printed


def test_a_folder_that_may_not_be_written_is_named(video, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("os.access", lambda *_: False)  # tests may run as root, who may everything
    assert run(video, "--detector", tmp_path, "--out", tmp_path / "new" / "page.html") == 2
    assert f"no permission to write into {tmp_path}" in capsys.readouterr().err


def test_help_explains_every_argument(capsys):
    assert run("--help") == 0
    printed = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for words in ("A video or sound file", "repeat it for several", "The page to write", "FILE"):
        assert words in printed
    assert all(f"--{name}" in printed for name in report.__kwdefaults__)
