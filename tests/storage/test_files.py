"""Files are written whole, through links and into pipes; names are never too long for a disk."""

import csv
import os
import stat
import threading
from pathlib import Path

import pytest

from avfake.errors import AvfakeError
from avfake.storage.files import replacing, target_of, write_table, write_whole
from avfake.storage.remote import Url, fitting, has_changed, state_of, states_of


def test_a_link_stays_a_link_and_a_mode_stays_a_mode(tmp_path: Path) -> None:
    real, link = tmp_path / "real.csv", tmp_path / "link.csv"
    real.write_text("old")
    real.chmod(0o640)
    link.symlink_to("real.csv")
    (tmp_path / "dangling.csv").symlink_to("deep/new.csv")
    write_whole(link, "new")
    write_whole(tmp_path / "dangling.csv", "made")
    assert link.readlink() == Path("real.csv")
    assert real.read_text() == "new"
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert (tmp_path / "deep" / "new.csv").read_text() == "made"
    assert not list(tmp_path.rglob(".*"))  # nothing partial


def test_a_pipe_and_a_descriptor_take_the_content(tmp_path: Path) -> None:
    pipe, got = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()))
    reader.start()
    write_whole(pipe, "through")
    reader.join()
    assert got == [b"through"]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    with (tmp_path / "log").open("ab") as log:
        log.write(b"before ")
        log.flush()
        write_whole(Path(f"/dev/fd/{log.fileno()}"), "appended")
    assert (tmp_path / "log").read_bytes() == b"before appended"
    assert target_of(Path("/dev/null")) is None
    assert target_of(tmp_path / "log") == (tmp_path / "log").resolve()
    write_whole(Path("/dev/null"), "nothing")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_what_the_disk_refuses_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(AvfakeError, match="/dev/full could not be written: No space left"):
        write_whole(Path("/dev/full"), "x")
    (tmp_path / "file").touch()
    with pytest.raises(AvfakeError, match="could not be written: "):
        write_whole(tmp_path / "file" / "a", "x")


def test_a_large_file_is_put_in_place_at_the_end_or_not_at_all(tmp_path: Path) -> None:
    def interrupted() -> None:
        with replacing(tmp_path / "v.mp4", ".mp4") as partial:
            partial.write_text("half")
            raise ZeroDivisionError

    (tmp_path / "v.mp4").write_text("old")
    with pytest.raises(ZeroDivisionError):
        interrupted()
    assert (tmp_path / "v.mp4").read_text() == "old"
    with replacing(tmp_path / "v.mp4", ".mp4") as partial:
        assert partial.suffix == ".mp4"
        partial.write_text("new")
    assert (tmp_path / "v.mp4").read_text() == "new"
    assert list(tmp_path.iterdir()) == [tmp_path / "v.mp4"]


def test_a_folder_is_put_in_place_at_the_end_or_not_at_all(tmp_path: Path) -> None:
    def interrupted() -> None:
        with replacing(tmp_path / "d") as partial:
            partial.mkdir()
            (partial / "half").touch()
            raise ZeroDivisionError

    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "old").touch()
    with pytest.raises(ZeroDivisionError):
        interrupted()
    assert [path.name for path in tmp_path.rglob("*")] == ["d", "old"]
    with replacing(tmp_path / "d") as partial:
        partial.mkdir()
        (partial / "new").touch()
    assert [path.name for path in tmp_path.rglob("*")] == ["d", "new"]


@pytest.mark.parametrize("letter", ["x", "é", "\udcff"])
def test_the_longest_name_is_written_and_has_neighbours(tmp_path: Path, letter: str) -> None:
    size = len(os.fsencode(letter))
    name = letter * ((255 - 4) // size) + ".csv"
    write_whole(tmp_path / name, "content")
    assert (tmp_path / name).read_text() == "content"
    journal = tmp_path / fitting(name + ".journal.jsonl")
    write_whole(journal, "lines")
    assert journal.suffix == ".jsonl"
    assert len(os.fsencode(journal.name)) <= 255
    assert tmp_path / fitting("b" + name + ".journal.jsonl") != journal
    assert fitting(f"a/{name}.journal.jsonl") == f"a/{fitting(name + '.journal.jsonl')}"


def test_names_that_fit_stay_as_they_are() -> None:
    assert fitting("scores.csv.journal") == "scores.csv.journal"
    assert fitting("é" * 127) == "é" * 127


def test_a_return_in_a_name_ends_no_row(tmp_path: Path) -> None:
    rows = [{"file": name, "p": None} for name in ("a\rb.mp4", 'c "d", e.mp4', "f\ng.mp4")]
    write_table(tmp_path / "t.csv", ("file", "p"), rows)
    with (tmp_path / "t.csv").open(newline="") as file:
        assert [row["file"] for row in csv.DictReader(file)] == [row["file"] for row in rows]


def test_the_state_of_a_file_changes_with_its_size_and_its_time(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    assert state_of(path) == ""
    path.write_bytes(b"one")
    first = state_of(path)
    assert state_of(Path(f"{path}!/inner.mp4")) == first
    os.utime(path, ns=(0, path.stat().st_mtime_ns + 1))
    assert has_changed(first, state_of(path))
    path.write_bytes(b"more")
    assert has_changed(first, state_of(path))
    assert not has_changed(first, first)
    assert not has_changed(None, first)
    assert not has_changed(first, "")  # it is gone, which is no other content
    assert states_of([path, tmp_path / "none"]) == {path: state_of(path), tmp_path / "none": ""}


def test_the_state_of_a_url_is_what_its_store_tells() -> None:
    assert state_of(Url("memory://s/a.mp4")) == ""
    write_whole(Url("memory://s/a.mp4"), "one")
    first = state_of(Url("memory://s/a.mp4"))
    assert first == state_of(Url("memory://s/a.mp4")) != ""
    write_whole(Url("memory://s/a.mp4"), "two")
    assert has_changed(first, state_of(Url("memory://s/a.mp4")))
    assert states_of([Url("nosuch://s/a.mp4")]) == {"nosuch://s/a.mp4": None}
