"""Tables and submissions: every requested file has a row, what failed is said and not invented."""

import csv
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from avfake.detector.options import PredictOptions
from avfake.errors import ConfigError
from avfake.scoring.files import score_files
from avfake.scoring.finding import find_files
from avfake.scoring.submission import read_requested
from avfake.storage.files import write_whole
from avfake.storage.remote import AnyPath, as_path


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
    said = table.write_submission(tmp_path / "submission.csv", fill=0.5)
    scores, submission = read(tmp_path / "scores.csv"), read(tmp_path / "submission.csv")
    assert [row["file"] for row in scores] == [str(file) for file in files]
    assert [row["filename"] for row in submission] == [file.name for file in files]
    assert [row["status"] for row in scores] == ["ok", "ok", "failed", "failed"]
    assert said.endswith("submission.csv; 2 rows took --fill 0.5")
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
    monkeypatch.setattr("avfake.scoring.files._predict_one", lambda *_: pytest.fail("scored again"))
    score_files(files[:2], str(detector_folder), out, workers=0)
    assert out.read_bytes() == first


def test_a_table_of_another_run_is_not_mixed_in(
    files: list[Path], detector_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "scores.csv"
    score_files(files[:1], str(detector_folder), out, workers=0)
    with pytest.raises(ConfigError, match="another detector or other options"):
        score_files(
            files, str(detector_folder), out, options=PredictOptions(use_audio=False), workers=0
        )


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
        table.write_submission(tmp_path / "submission.csv", fill=1.5)
    table.rows.append(table.rows[0])
    with pytest.raises(ConfigError, match=r"occur twice: words\.mp4"):
        table.write_submission(tmp_path / "submission.csv", fill=0.5)


@pytest.mark.ray
def test_a_ray_cluster_gives_the_same_table(
    files: list[Path], detector_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = pytest.importorskip("ray")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
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
    wanted = find_files([archive], tmp_path / "sample.csv")
    assert wanted == [found, Path(f"{archive}!/no.mp4")]
    table = score_files(wanted, str(detector_folder), tmp_path / "scores.csv", workers=0)
    alone = score_files([video], str(detector_folder), tmp_path / "alone.csv", workers=0)
    assert table.rows[0]["p_fake"] == alone.rows[0]["p_fake"] is not None
    assert table.rows[1]["reasons"].startswith("file:file_missing")


def test_an_archive_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "broken.zip").write_text("no archive")
    with pytest.raises(ConfigError, match="cannot be read as a zip"):
        find_files([tmp_path / "broken.zip"])


def rows_of(out: Path) -> dict[str, str]:
    """File name -> status."""
    return {Path(row["file"]).name: row["status"] for row in read(out)}


def predicted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the files that are judged from now on, as they are."""
    seen: list[str] = []
    from avfake.scoring.files import _predict_one

    def watched(
        names: tuple[str], combine: str, options: PredictOptions, change: None, file: AnyPath
    ) -> object:
        seen.append(Path(str(file)).name)
        return _predict_one(names, combine, options, change, file)

    monkeypatch.setattr("avfake.scoring.files._predict_one", watched)
    return seen


def test_what_failed_or_changed_is_judged_again_and_nothing_else(
    files: list[Path], detector_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, mine = tmp_path / "scores.csv", [tmp_path / "a.mp4", tmp_path / "b.mp4", *files[2:]]
    for source, target in zip(files[:2], mine[:2], strict=True):
        shutil.copy(source, target)
    score_files(mine, str(detector_folder), out, workers=0)
    before = read(out)
    assert rows_of(out) == {
        "a.mp4": "ok", "b.mp4": "ok", "words.mp4": "failed", "gone.mp4": "failed"
    }  # fmt: skip
    shutil.copy(files[0], tmp_path / "words.mp4")
    shutil.copy(files[0], tmp_path / "b.mp4")
    seen = predicted(monkeypatch)
    score_files(mine, str(detector_folder), out, workers=0)
    assert seen == ["b.mp4", "words.mp4", "gone.mp4"]
    after = read(out)
    assert after[0] == before[0]
    for row in after[1:3]:  # the same content as the first now
        assert row | {"file": ""} == before[0] | {"file": ""}
    assert after[3]["status"] == "failed"
    seen.clear()
    os.utime(tmp_path / "a.mp4", ns=(0, 0))
    (tmp_path / "b.mp4").unlink()  # one that is gone keeps its answer
    score_files(mine, str(detector_folder), out, workers=0)
    assert seen == ["a.mp4", "gone.mp4"]


def test_a_url_is_judged_again_when_its_store_tells_another_file(
    files: list[Path], detector_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    urls, out = [as_path("memory://changing/a.mp4")], tmp_path / "scores.csv"
    write_whole(urls[0], files[0].read_bytes())
    seen = predicted(monkeypatch)
    for content, times in ((files[0], 1), (files[0], 1), (files[1], 2)):
        if content == files[1]:
            write_whole(urls[0], content.read_bytes())
        score_files(urls, str(detector_folder), out, workers=0)
        assert len(seen) == times


def test_another_list_of_files_keeps_the_rows_that_are_there(
    files: list[Path], detector_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "scores.csv"
    first = score_files(files[:1], str(detector_folder), out, workers=0)
    second = score_files(files[1:2], str(detector_folder), out, workers=0)
    assert (first.num_kept, second.num_kept) == (0, 1)
    assert [row["file"] for row in second.rows] == [str(files[1])]
    assert [row["file"] for row in read(out)] == [str(file) for file in files[:2]]
    out.unlink()  # the journal has them all
    score_files(files[1:2], str(detector_folder), out, workers=0)
    assert len(read(out)) == 2


def test_two_processes_into_one_table_end_with_all_rows(
    files: list[Path], detector_folder: Path, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "avfake", "predict", "--detector", str(detector_folder)]
    command += ["--out", str(tmp_path / "scores.csv"), "--workers", "0"]
    running = [
        subprocess.Popen([*command, str(file)], stderr=subprocess.DEVNULL, stdout=subprocess.PIPE)
        for file in files[:2]
    ]
    assert [process.communicate() and process.returncode for process in running] == [0, 0]
    assert rows_of(tmp_path / "scores.csv") == {file.name: "ok" for file in files[:2]}


def test_a_table_that_is_not_ours_is_left_as_it_is(
    files: list[Path], detector_folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "scores.csv"
    mine = "file,verdict by hand\na.mp4,fake\n"
    out.write_text(mine)
    with pytest.raises(ConfigError, match="no table that this command made"):
        score_files(files, str(detector_folder), out, workers=0)
    assert out.read_text() == mine
    assert not list(tmp_path.glob("scores.csv.*"))
    out.unlink()
    score_files(files[:2], str(detector_folder), out, workers=0)
    (tmp_path / "scores.csv.journal.jsonl").unlink()  # what it knew of the second file is gone
    before = out.read_bytes()
    with pytest.raises(ConfigError, match="1 rows of other files, which would be lost"):
        score_files(files[:1], str(detector_folder), out, workers=0)
    assert out.read_bytes() == before
    score_files(files[:2], str(detector_folder), out, workers=0)


def test_a_file_of_the_same_name_in_another_folder_is_not_taken_for_it(
    files: list[Path], detector_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, source in zip("ab", files[:2], strict=True):
        (tmp_path / folder).mkdir()
        shutil.copy(source, tmp_path / folder / "x.mp4")
    monkeypatch.chdir(tmp_path / "a")
    score_files([Path("x.mp4")], str(detector_folder), tmp_path / "scores.csv", workers=0)
    monkeypatch.chdir(tmp_path / "b")
    with pytest.raises(ConfigError, match=r"a row for x\.mp4, of another file, .*/a/x\.mp4"):
        score_files([Path("x.mp4")], str(detector_folder), tmp_path / "scores.csv", workers=0)


def test_a_link_and_the_table_it_leads_to_have_one_journal(
    files: list[Path], detector_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link.csv").symlink_to("scores.csv")
    score_files(files[:1], str(detector_folder), tmp_path / "link.csv", workers=0)
    assert (tmp_path / "link.csv").is_symlink()
    monkeypatch.setattr("avfake.scoring.files._predict_one", lambda *_: pytest.fail("scored again"))
    score_files(files[:1], str(detector_folder), tmp_path / "scores.csv", workers=0)
    assert [path.name for path in tmp_path.glob("*.jsonl")] == ["scores.csv.journal.jsonl"]


def test_a_file_without_memory_for_it_is_a_row_and_the_others_go_on(
    files: list[Path], detector_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from avfake.detector.detector import Detector

    predict = Detector.predict
    errors = {
        files[0]: MemoryError("Unable to allocate 9 GiB"),
        files[2]: RuntimeError("DefaultCPUAllocator: can't allocate memory: 12345 bytes"),
    }

    def hungry(self: Detector, path: Path, options: PredictOptions | None = None) -> object:
        if path in errors:
            raise errors[path]
        return predict(self, path, options)

    monkeypatch.setattr(Detector, "predict", hungry)
    out = tmp_path / "scores.csv"
    score_files(files[:3], str(detector_folder), out, workers=0)
    rows = read(out)
    assert [row["status"] for row in rows] == ["failed", "ok", "failed"]
    assert rows[0]["reasons"] == "file:out_of_memory (Unable to allocate 9 GiB)"
    assert rows[2]["reasons"].startswith("file:out_of_memory (DefaultCPUAllocator")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read as a csv: No such file"),
        ("folder", "cannot be read as a csv: Is a directory"),
        (b"", "it needs 'filename'"),
        (b"\xff\xfef\0i\0", "it needs 'filename'"),
        (b"filename,label\n", "requests no file"),
        (b"filename,label\na.mp4,1\n,0.5\n", "row 2 has no file name"),
        (b"label,filename\n0.5\n", "row 1 has no file name"),
        (b"filename\na\0.mp4\n", "row 1 has no file name"),
    ],
)
def test_what_is_no_sample_submission_is_named(
    tmp_path: Path, content: bytes | str | None, said: str
) -> None:
    path = tmp_path / "sample.csv"
    if content == "folder":
        path.mkdir()
    elif isinstance(content, bytes):
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=said):
        read_requested(path)


def test_names_of_a_sample_submission_are_those_on_the_disk(tmp_path: Path) -> None:
    (tmp_path / "s.csv").write_bytes(
        b"\xef\xbb\xbffilename,label\r\nraw\xff.mp4,1\r\nraw\xff.mp4,1"
    )
    assert read_requested(tmp_path / "s.csv") == ["raw\udcff.mp4"]
