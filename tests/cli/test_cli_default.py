"""`avfake predict FILE` and its kin without --detector: whatever can be answered is, and on stderr
stands who answered and under which terms."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from running import Run

from avfake.clips.preparation.folder import PreparedFolder
from avfake.detector.shipped import read_release
from avfake.errors import ConfigError
from avfake.media.frames import iter_frames
from avfake.media.sound import read_sound
from avfake.media.writing import write_audio, write_video


@pytest.fixture
def run(run: Run, default_detector: Path) -> Run:
    return run


@pytest.fixture
def video(studio_root: Path) -> Path:
    return sorted(studio_root.glob("*.mp4"))[0]


def asked(run: Run, *paths: Path) -> tuple[int, list[dict[str, object]]]:
    """Exit code and verdicts."""
    code, out, _ = run("predict", *paths, "--json")
    verdicts, decoder = [], json.JSONDecoder()
    while out := out.strip():
        verdict, end = decoder.raw_decode(out)
        verdicts.append(verdict)
        out = out[end:]
    return code, verdicts


def test_the_notice_comes_once_and_only_on_stderr(
    run: Run, default_detector: Path, video: Path, tmp_path: Path
) -> None:
    release = read_release(default_detector)
    code, out, err = run("predict", video, video.with_name(video.name), "--json")
    assert code == 0
    verdict = json.loads(out)
    assert verdict["detector"] == f"default@{release.detector}"
    in_short = "for tests alone"
    notice = f"default detector 0.1: {in_short}; terms: {default_detector / 'LICENSE'}"
    assert err.splitlines().count(notice) == 1
    table = tmp_path / "scores.csv"
    code, out, err = run("predict", video, "--out", table, "--workers", 0)
    assert (code, err.count(in_short), out.count(in_short)) == (0, 1, 0)
    code, out, err = run("predict", video, "--json", "--quiet")
    assert (code, json.loads(out), err) == (0, verdict, "")
    [row] = csv.DictReader(table.read_text().splitlines())
    assert float(row["p_fake"]) == pytest.approx(verdict["p_fake"], rel=1e-5)


def test_a_named_detector_is_asked_without_a_notice(
    run: Run, detector_folder: Path, video: Path
) -> None:
    _, out, err = run("predict", video, "--detector", detector_folder, "--json")
    assert json.loads(out)["detector"].startswith(f"{detector_folder}@")
    assert "default detector" not in err


def test_the_default_can_be_named_beside_others(
    run: Run, detector_folder: Path, video: Path
) -> None:
    both = ("--detector", "default", "--detector", detector_folder)
    code, out, err = run("predict", video, *both, "--json")
    assert code == 0
    assert json.loads(out)["detector"].startswith("mean of default@")
    assert err.count("default detector 0.1") == 1


def test_sound_alone_a_silent_video_and_no_face_get_what_can_be_answered(
    run: Run, video: Path, tmp_path: Path
) -> None:
    frames = [frame for _, frame in iter_frames(video)]
    noise = np.random.default_rng(0).integers(0, 256, frames[0].shape, dtype=np.uint8)
    files = [tmp_path / name for name in ("sound.wav", "silent.mp4", "faceless.mp4")]
    write_audio(files[0], read_sound(video).waveform())
    write_video(files[1], frames, fps=25)
    write_video(files[2], [noise] * 25, fps=25, waveform=read_sound(video).waveform())
    code, (sound, silent, faceless) = asked(run, *files)
    assert code == 0
    for verdict, part, reason in (
        (sound, "face", "no_video"),
        (silent, "voice", "no_audio"),
        (faceless, "face", "no_face"),
    ):
        assert verdict["status"] == "partial"
        assert [(r["part"], r["code"]) for r in verdict["reasons"]] == [(part, reason)]  # type: ignore[attr-defined]
        other = {"face": "voice", "voice": "face"}[part]
        assert verdict[f"p_{part}_fake"] is None
        assert 0 < verdict[f"p_{other}_fake"] < 1  # type: ignore[operator]
        assert 0 < verdict["p_fake"] < 1  # type: ignore[operator]


def test_an_unreadable_file_in_a_directory_costs_only_itself(
    run: Run, video: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "videos"
    folder.mkdir()
    (folder / "a.mp4").write_text("no video")
    (folder / "b.mp4").write_bytes(video.read_bytes())
    (folder / "notes.txt").write_text("not looked at")
    code, (broken, whole) = asked(run, folder)
    assert code == 1
    assert (broken["status"], broken["p_fake"], broken["decision"]) == ("failed", None, "unsure")
    assert [r["code"] for r in broken["reasons"]] == ["not_media"]  # type: ignore[attr-defined]
    assert whole["status"] == "ok"
    code, out, _ = run("predict", tmp_path / "gone.mp4")
    assert code == 1
    assert "the file does not exist" in out


def test_a_page_and_an_evidence_video_need_no_detector(
    run: Run, video: Path, tmp_path: Path
) -> None:
    page, film = tmp_path / "page.html", tmp_path / "film.mp4"
    code, _, err = run("report", video, "--out", page)
    assert code == 0
    assert "default@" in page.read_text()
    assert err.count("default detector 0.1") == 1
    code, _, err = run("annotate", video, "--out", film)
    assert code == 0
    assert film.stat().st_size > 1000
    assert err.count("default detector 0.1") == 1


def test_clips_are_measured_by_the_default(
    run: Run, prepared: PreparedFolder, studio_root: Path, tmp_path: Path
) -> None:
    code, out, err = run("evaluate", prepared.path, "--no-visual")
    assert code == 0
    assert "voice only" in out
    assert err.count("default detector 0.1") == 1
    code, _, err = run("evaluate", prepared.path, "--split", "test")
    assert code == 2
    assert "the default detector has none" in err
    other = tmp_path / "clips"
    small = ("--frames", 2, "--size-px", 64, "--workers", 0, "--limit", 2)
    run("prepare", "studio", studio_root, other, *small)
    code, _, err = run("evaluate", other)
    assert code == 2
    assert "avfake prepare ... --frames 4 --size-px 64" in err


def test_damage_is_measured_by_the_default(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def ladder(source: Path, detector: str, out: Path, **options: object) -> None:
        raise ConfigError(f"{source} would be judged by {detector}")

    monkeypatch.setattr("avfake.scoring.run_stress", ladder)  # whose own tests take long enough
    code, _, err = run("stress", tmp_path, "--out", tmp_path / "stress")
    assert code == 2
    assert f"{tmp_path} would be judged by default" in err
    assert err.count("default detector 0.1") == 1


def test_without_a_default_each_verb_says_what_to_do(
    run: Run, video: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avfake.detector.shipped.DEFAULT_FOLDER", tmp_path / "nothing")
    for verb in (
        ("predict", video),
        ("report", video, "--out", tmp_path / "page.html"),
        ("annotate", video, "--out", tmp_path / "film.mp4"),
        ("evaluate", tmp_path),
        ("stress", tmp_path, "--out", tmp_path / "stress"),
    ):
        code, out, err = run(*verb)
        assert (code, out) == (2, "")
        assert "this installation has no default detector" in err
        assert "--detector FOLDER" in err
    assert not list(tmp_path.glob("page*"))
