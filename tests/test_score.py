"""Tables and submissions: every requested file has a row, what failed is said and not invented."""

import csv
import zipfile
from pathlib import Path

import pytest

from avfake.detector import Switches
from avfake.errors import ConfigError
from avfake.score import find_files, find_requested, read_requested, score_files, write_submission


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def files(studio_root: Path, tmp_path: Path) -> list[Path]:
    (tmp_path / "words.mp4").write_text("not a video")
    return [*sorted(studio_root.glob("*.mp4"))[:2], tmp_path / "words.mp4", tmp_path / "gone.mp4"]


def test_every_file_has_a_row_in_both_tables(
    files: list[Path], detector_folder: Path, tmp_path: Path
) -> None:
    table = score_files(files, str(detector_folder), tmp_path / "scores.csv", workers=0)
    filled = write_submission(table, tmp_path / "submission.csv", fill=0.5)
    scores, submission = read(tmp_path / "scores.csv"), read(tmp_path / "submission.csv")
    assert [row["file"] for row in scores] == [str(file) for file in files]
    assert [row["filename"] for row in submission] == [file.name for file in files]
    assert [row["status"] for row in scores] == ["ok", "ok", "failed", "failed"]
    assert filled == 2
    assert [row["p_fake"] for row in scores[2:]] == ["", ""]
    assert [row["label"] for row in submission[2:]] == ["0.5", "0.5"]
    assert submission[0]["label"] == scores[0]["p_fake"]
    assert scores[2]["reasons"].startswith("file:not_media")
    assert scores[3]["reasons"].startswith("file:file_missing")


def test_what_is_scored_is_not_scored_again(
    files: list[Path], detector_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "scores.csv"
    score_files(files[:2], str(detector_folder), out, workers=0)
    first = out.read_bytes()
    monkeypatch.setattr("avfake.score._predict_one", lambda *_: pytest.fail("scored again"))
    score_files(files[:2], str(detector_folder), out, workers=0)
    assert out.read_bytes() == first


def test_a_table_of_another_run_is_not_mixed_in(
    files: list[Path], detector_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "scores.csv"
    score_files(files[:1], str(detector_folder), out, workers=0)
    with pytest.raises(ConfigError, match="another detector or other switches"):
        score_files(files, str(detector_folder), out, switches=Switches(use_audio=False), workers=0)


def test_folders_are_searched_and_an_empty_one_is_an_error(
    studio_root: Path, tmp_path: Path
) -> None:
    assert find_files([studio_root]) == sorted(studio_root.glob("*.mp4"))
    with pytest.raises(ConfigError, match="holds no media file"):
        find_files([tmp_path])


def test_a_sample_submission_names_the_files_to_answer_for(tmp_path: Path) -> None:
    (tmp_path / "sample_submission.csv").write_text("filename,label\nb.mp4,0.5\na.mp4,0.5\n")
    assert read_requested(tmp_path / "sample_submission.csv") == ["b.mp4", "a.mp4"]
    (tmp_path / "wrong.csv").write_text("name,label\nb.mp4,0.5\n")
    with pytest.raises(ConfigError, match="it needs 'filename'"):
        read_requested(tmp_path / "wrong.csv")


def test_a_submission_with_equal_names_or_an_impossible_fill_is_refused(
    files: list[Path], detector_folder: Path, tmp_path: Path
) -> None:
    table = score_files(files[2:], str(detector_folder), tmp_path / "scores.csv", workers=0)
    with pytest.raises(ConfigError, match=r"fill is 1\.5"):
        write_submission(table, tmp_path / "submission.csv", fill=1.5)
    table.rows.append(table.rows[0])
    with pytest.raises(ConfigError, match=r"come twice: words\.mp4"):
        write_submission(table, tmp_path / "submission.csv", fill=0.5)


@pytest.mark.ray
def test_a_ray_cluster_gives_the_same_table(
    files: list[Path], detector_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = pytest.importorskip("ray")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[1]))
    score_files(files, str(detector_folder), tmp_path / "alone.csv", workers=1)
    try:
        score_files(files, str(detector_folder), tmp_path / "ray.csv", engine="ray")
    finally:
        ray.shutdown()
    assert (tmp_path / "ray.csv").read_bytes() == (tmp_path / "alone.csv").read_bytes()


def test_files_in_a_zip_archive_are_found_scored_and_asked_for_by_name(
    studio_root: Path, detector_folder: Path, tmp_path: Path
) -> None:
    video, archive = min(studio_root.glob("*.mp4")), tmp_path / "test_videos.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.write(video, f"test_videos/{video.name}")
        opened.writestr("test_videos/metadata.json", "{}")
    [found] = find_files([archive])
    (tmp_path / "sample.csv").write_text(f"filename,label\n{video.name},0.5\nno.mp4,0.5\n")
    wanted = find_requested(archive, tmp_path / "sample.csv")
    assert wanted == [found, Path(f"{archive}!/no.mp4")]
    table = score_files(wanted, str(detector_folder), tmp_path / "scores.csv", workers=0)
    alone = score_files([video], str(detector_folder), tmp_path / "alone.csv", workers=0)
    assert table.rows[0]["p_fake"] == alone.rows[0]["p_fake"] is not None
    assert table.rows[1]["reasons"].startswith("file:file_missing")


def test_an_archive_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.zip").write_text("no archive")
    with pytest.raises(ConfigError, match="cannot be read as a zip"):
        find_files([tmp_path / "broken.zip"])
