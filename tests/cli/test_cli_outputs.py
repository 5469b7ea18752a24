"""Every verb that writes: nothing of the user's is lost; what cannot be written is said first."""

import csv
import json
import os
import shutil
import stat
import threading
from pathlib import Path

import pytest
from running import Run

from avfake.cli.main import main
from avfake.clips.preparation.folder import PreparedFolder
from avfake.media.probing import probe

SMALL = ("--workers", 0, "--frames", 4, "--size-px", 64)


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    def call(*args: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main([str(arg) for arg in args])
        out, err = capfd.readouterr()
        assert "Traceback" not in out + err
        return int(left.value.code or 0), out, err

    return call


@pytest.fixture
def video(studio_root: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(min(studio_root.glob("*.mp4")), tmp_path / "a.mp4"))


@pytest.fixture
def at_hand(
    studio_root: Path, prepared: PreparedFolder, detector_folder: Path, video: Path
) -> dict[str, object]:
    """What the commands below read."""
    return {
        "video": video,
        "studio": studio_root,
        "clips": prepared.path,
        "d": detector_folder,
        "manifest": f"{prepared.path}/manifest.csv",
        "at": video.parent,
    }


def refuse(run: Run, command: str, words: dict[str, object]) -> str:
    """What is said of a command that is refused: one line, and nothing is written."""
    at = Path(str(words["at"]))
    before = {path: path.lstat() for path in at.rglob("*")}
    code, out, err = run(*(word.format(**words) for word in command.split(" ")))
    assert code == 2, out + err
    assert out == ""
    assert len(err.splitlines()) == 1
    after = {path: path.lstat() for path in at.rglob("*")}
    assert before.keys() == after.keys()
    assert all(before[path].st_mtime_ns == after[path].st_mtime_ns for path in before)
    return err


FILES = {
    "predict {video} --detector {d} --out {out}": ".csv",
    "predict {video} --detector {d} --out {at}/free.csv --submission {out}": ".csv",
    "annotate {video} --detector {d} --out {out}": ".mp4",
    "report {video} --detector {d} --out {out}": ".html",
    "manifest studio {studio} {out}": ".csv",
    "evaluate {clips} --detector {d} --out {out}": ".csv",
    "ensemble {at}/one.csv {at}/two.csv --out {out}": ".csv",
}
FOLDERS = (
    "prepare studio {studio} {out}",
    "labels {manifest} {out}",
    "stress {manifest} --detector {d} --out {out}",
    "studio {out} --clips 4",
    "ensemble {d} --out {out}",
)


@pytest.mark.parametrize("command", FILES)
def test_a_file_that_cannot_be_written_is_refused_by_every_verb(
    run: Run, at_hand: dict[str, object], tmp_path: Path, command: str
) -> None:
    ending = FILES[command]
    for name in ("one.csv", "two.csv"):
        (tmp_path / name).write_text("file,p_fake\na.mp4,0.5\n")
    (tmp_path / f"folder{ending}").mkdir()
    (tmp_path / "file").touch()
    (tmp_path / f"hard{ending}").touch()
    (tmp_path / f"other{ending}").hardlink_to(tmp_path / f"hard{ending}")
    notes = tmp_path / f"mine{ending}"
    notes.write_text("made by hand, and kept for years")
    cases = {
        tmp_path / f"folder{ending}": "is a folder",
        tmp_path / "file" / f"x{ending}": "is a file, no folder to write into",
        tmp_path / "x.parquet": f"is written as {ending}",
        "/dev/full": "is a device",
        "/proc/x" + ending: "into /proc",
        tmp_path / f"hard{ending}": "one of 2 names (hard links)",
        notes: "left as it is",
        "https://host/x" + ending: "URL",
    }
    for out, said in cases.items():
        assert said in refuse(run, command, at_hand | {"out": out})
    assert notes.read_text() == "made by hand, and kept for years"


@pytest.mark.parametrize("command", FOLDERS)
def test_a_folder_that_cannot_be_written_is_refused_by_every_verb(
    run: Run, at_hand: dict[str, object], tmp_path: Path, command: str
) -> None:
    (tmp_path / "file").touch()
    full = tmp_path / "full"
    full.mkdir()
    for name in ("manifest.csv", "metadata.json", "stress.csv", "derived.csv"):
        (full / name).write_text("made by hand")
    cases = {
        tmp_path / "file": "is a file; a folder is needed",
        tmp_path / "file" / "new": "is a file, no folder to write into",
        "/proc/new": "into /proc",
        full: "there already" if command.startswith("ensemble") else "left as it is",
    }
    for out, said in cases.items():
        assert said in refuse(run, command, at_hand | {"out": out})
    assert {path.read_text() for path in full.iterdir()} == {"made by hand"}


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("predict {video} --detector {d} --out {at}/../{name}/a.mp4", "is also read"),
        ("predict {at} --detector {d} --out {at}/linked.csv", "is also read"),
        ("predict {video} --detector {d} --out {d}", "is a folder"),
        ("annotate {video} --detector {d} --out {at}/a.mp4", "is also read"),
        ("annotate {video} --detector {d} --out {at}/linked.mp4", "is also read"),
        ("report {video} --detector {d} --out {at}/linked.html", "is also read"),
        ("manifest studio {studio} {studio}/metadata.json", "is written as .csv"),
        ("manifest studio {studio} {studio}/truth.csv", "no manifest that avfake made"),
        ("prepare studio {studio} {studio}", "is also read"),
        ("labels {clips}/manifest.csv {clips}", "is also read"),
        ("evaluate {clips} --detector {d} --out {clips}/manifest.csv", "no table that this"),
        ("evaluate {clips} --detector {d} --out {clips}/status.csv", "no table that this"),
        ("stress {clips} --detector {d} --out {clips}", "is also read"),
        ("ensemble {at}/one.csv {at}/two.csv --out {at}/./two.csv", "is also read"),
        ("ensemble {at}/one.csv {at}/two.csv --out {at}/linked.csv", "no table that this command"),
    ],
)
def test_what_is_read_is_not_written_by_any_verb(
    run: Run, at_hand: dict[str, object], tmp_path: Path, command: str, said: str
) -> None:
    for ending in ("csv", "mp4", "html"):
        (tmp_path / f"linked.{ending}").symlink_to("a.mp4")
    for name in ("one.csv", "two.csv"):
        (tmp_path / name).write_text("file,p_fake\na.mp4,0.5\n")
    content = (tmp_path / "a.mp4").read_bytes()
    assert said in refuse(run, command, at_hand | {"name": tmp_path.name})
    assert (tmp_path / "a.mp4").read_bytes() == content


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ("--submission {at}/s.csv --fill 7", "fill is 7"),
        ("--submission {at}/s.csv --fill nan", "fill is nan"),
        ("--submission {at}/s.csv", "unique file names"),
        ("--out {at}/s.csv --submission {at}/s.csv", "are one file"),
        ("--submission {at}/scores.csv", "are one file"),
        ("--out {at}/u.csv --submission {at}/u.csv.journal.jsonl", "is written as .csv"),
        ("--submission {at}/t.csv --requested {at}/t.csv", "no folder and no zip archive"),
        ("--submission /dev/stdout", "add --out"),
        ("--out {at}/s.csv --requested {at}/none.csv", "cannot be read as a csv: No such file"),
    ],
)
def test_a_submission_that_cannot_be_is_refused_before_anything_is_scored(
    run: Run, at_hand: dict[str, object], tmp_path: Path, flags: str, said: str
) -> None:
    (tmp_path / "more").mkdir()
    shutil.copy(tmp_path / "a.mp4", tmp_path / "more" / "a.mp4")
    (tmp_path / "t.csv").write_text("filename,label\na.mp4,0.5\n")
    files = "{video} {at}/more/a.mp4" if said == "unique file names" else "{video}"
    assert said in refuse(run, f"predict {files} --detector {{d}} {flags}", at_hand)


def test_the_sample_is_not_written_over_and_works_without_a_table(
    run: Run, at_hand: dict[str, object], tmp_path: Path
) -> None:
    sample = tmp_path / "sample.csv"
    sample.write_text("filename,label\na.mp4,0.5\n")
    command = "predict {at} --detector {d} --requested {at}/sample.csv --submission {at}/sample.csv"
    assert "is also read" in refuse(run, command, at_hand)
    args = ("predict", tmp_path, "--detector", at_hand["d"], "--requested", sample)
    code, out, _ = run(*args)
    assert code == 0
    assert out.startswith(f"{tmp_path / 'a.mp4'}: unsure")
    assert run(*args, "--submission", tmp_path / "s.csv")[0] == 0
    (tmp_path / "other.mp4").write_bytes(b"")
    code, _, err = run("predict", tmp_path / "other.mp4", "--submission", tmp_path / "s.csv")
    assert code == 2
    assert "1 rows of other files, which would be lost (a.mp4)" in err


def test_a_table_for_the_shell_holds_nothing_but_the_table(
    run: Run, at_hand: dict[str, object], tmp_path: Path
) -> None:
    options = ("--detector", at_hand["d"], "--out", "/dev/stdout", "--workers", 0)
    code, out, err = run("predict", at_hand["video"], *options)
    assert code == 0
    [row] = csv.DictReader(out.splitlines())
    assert (row["file"], row["status"]) == (str(at_hand["video"]), "ok")
    assert "1 files scored: /dev/stdout" in err
    assert list(tmp_path.iterdir()) == [tmp_path / "a.mp4"]
    code, out, err = run("manifest", "studio", at_hand["studio"], "/dev/stdout")
    assert code == 0
    assert len(list(csv.DictReader(out.splitlines()))) == 24
    assert "24 rows" in err
    args = ("--detector", at_hand["d"], "--no-visual", "--split", "test")
    code, out, err = run("evaluate", at_hand["clips"], *args, "--out", "/dev/stdout")
    assert {"clip_id", "p_fake"} <= next(csv.DictReader(out.splitlines())).keys()
    assert "voice only" in err


def test_pipes_and_links_are_written_through(
    run: Run, at_hand: dict[str, object], tmp_path: Path
) -> None:
    got: list[bytes] = []
    pipe, link = tmp_path / "pipe", tmp_path / "link.html"
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    assert run("annotate", at_hand["video"], "--detector", at_hand["d"], "--out", pipe)[0] == 0
    reader.join()
    (tmp_path / "got.mp4").write_bytes(got[0])
    assert probe(tmp_path / "got.mp4").has_video
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    link.symlink_to("deep/page.html")
    for _ in range(2):  # a page of ours may go for another
        assert run("report", at_hand["video"], "--detector", at_hand["d"], "--out", link)[0] == 0
    assert link.is_symlink()
    assert "</html>" in (tmp_path / "deep" / "page.html").read_text()


def test_a_manifest_and_what_stands_beside_it_are_looked_at(
    run: Run, at_hand: dict[str, object], tmp_path: Path
) -> None:
    (tmp_path / "m.csv.json").write_text(json.dumps({"of": "somebody"}))
    command = "manifest studio {studio} {at}/m.csv"
    assert "m.csv.json is there already and is no manifest" in refuse(run, command, at_hand)
    (tmp_path / "m.csv.json").unlink()
    for _ in range(2):
        assert run("manifest", "studio", at_hand["studio"], tmp_path / "m.csv")[0] == 0
    (tmp_path / "link.csv").symlink_to("m.csv")
    assert run("manifest", "studio", at_hand["studio"], tmp_path / "link.csv")[0] == 0
    assert (tmp_path / "link.csv").is_symlink()
    assert not (tmp_path / "link.csv.json").exists()


def test_the_side_files_of_audit_and_card_are_looked_at(
    run: Run, at_hand: dict[str, object], tmp_path: Path
) -> None:
    assert run("manifest", "studio", at_hand["studio"], tmp_path / "m.csv")[0] == 0
    record = tmp_path / "m.csv.audit.jsonl"
    record.write_text("my remarks\n")
    assert "is no journal of avfake" in refuse(run, "audit {at}/m.csv", at_hand)
    record.unlink()
    record.mkdir()
    assert "is a folder" in refuse(run, "audit {at}/m.csv", at_hand)
    (tmp_path / "d" / "README.md").mkdir(parents=True)
    assert "README.md is a folder" in refuse(run, "card {at}/d", at_hand)


def test_an_ensemble_takes_nothing_away_that_was_put_beside_it(
    run: Run, at_hand: dict[str, object], tmp_path: Path
) -> None:
    (tmp_path / "e.partial").mkdir()
    (tmp_path / "e.partial" / "mine").touch()
    (tmp_path / "link").symlink_to("e")
    (tmp_path / "e").mkdir()
    (tmp_path / "e").rmdir()
    assert run("ensemble", at_hand["d"], "--out", tmp_path / "e")[0] == 0
    assert run("ensemble", at_hand["d"], "--out", tmp_path / "link")[0] == 0
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "e.partial" / "mine").exists()
    (tmp_path / "e" / "notes.txt").touch()
    assert "holds notes.txt" in refuse(run, "ensemble {d} --out {at}/e", at_hand)
    assert "no folder is" not in refuse(run, "ensemble {d} --out {at}/e.csv", at_hand)


def test_the_longest_names_go_through_every_verb(
    run: Run, studio_root: Path, tmp_path: Path, detector_folder: Path
) -> None:
    def long(ending: str) -> str:
        return "n" * (255 - len(ending)) + ending

    root = tmp_path / "root"
    root.mkdir()
    source = min(studio_root.glob("*.mp4"))
    shutil.copy(source, root / long(".mp4"))
    label = {"label": "REAL", "split": "train", "original": None}
    (root / "metadata.json").write_text(json.dumps({long(".mp4"): label}))
    ask = ("--detector", detector_folder, "--out")
    for _ in range(2):
        table = tmp_path / long(".csv")
        assert run("predict", root, *ask, table, "--workers", 0)[0] == 0
        assert run("annotate", root / long(".mp4"), *ask, tmp_path / long(".mp4"))[0] == 0
        assert run("report", root / long(".mp4"), *ask, tmp_path / long(".html"))[0] == 0
        assert run("manifest", "dfdc", root, tmp_path / ("m" + long(".csv")[1:]))[0] == 0
        assert run("prepare", "dfdc", root, tmp_path / "clips", *SMALL)[0] == 0
    [clip] = PreparedFolder(tmp_path / "clips").clips
    assert clip.archive.is_file()  # type: ignore[union-attr]
    assert clip.row.clip_id == long(".mp4")
