"""The journal: shared by processes, torn by no kill, and never somebody else's file."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from avfake.errors import AvfakeError
from avfake.parallel.journal import Journal
from avfake.storage.files import write_whole
from avfake.storage.remote import as_path

APPEND = """
import sys
from pathlib import Path
from avfake.parallel import Journal

journal = Journal(Path(sys.argv[1]), "name")
for number in range(200):
    journal.append({"name": f"{sys.argv[2]}-{number}", "text": "x" * 3000})
"""


def test_processes_that_append_at_once_lose_no_line(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    command = [sys.executable, "-c", APPEND, str(path)]
    running = [subprocess.Popen([*command, name]) for name in "abc"]
    assert [process.wait() for process in running] == [0, 0, 0]
    assert len(Journal(path, "name").done) == 600


def test_what_others_append_is_read_without_what_was_read_before(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    mine, other = Journal(path, "name"), Journal(path, "name")
    assert not mine.reload()
    mine.append({"name": "a"})
    assert not mine.reload()
    other.append({"name": "b"})
    assert mine.reload()
    assert set(mine.done) == {"a", "b"}
    assert not mine.reload()


def test_the_first_line_is_that_of_who_came_first(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    mine, other = Journal(path, "name"), Journal(path, "name")
    assert mine.begin({"name": "#run", "by": "me"}) == {"name": "#run", "by": "me"}
    assert other.begin({"name": "#run", "by": "you"}) == {"name": "#run", "by": "me"}
    assert len(path.read_text().splitlines()) == 1


def test_what_stands_there_already_is_not_written_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j.jsonl", "name")
    for value in (1, 1, 2):
        journal.append({"name": "a", "value": value})
    lines = (tmp_path / "j.jsonl").read_text().splitlines()
    assert [json.loads(line)["value"] for line in lines] == [1, 2]


@pytest.mark.parametrize(
    "content", [b"my notes\n", b"my notes", b'{"other": 1}\n', b"[1]\n", b"\0"]
)
def test_a_file_that_is_no_journal_is_refused_and_left(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "j.jsonl"
    path.write_bytes(content)
    with pytest.raises(AvfakeError, match="is no journal of avfake"):
        Journal(path, "name")
    assert path.read_bytes() == content


def test_a_journal_that_is_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(AvfakeError, match="cannot be read: Is a directory"):
        Journal(tmp_path, "name")


def test_a_journal_of_one_torn_line_is_one(tmp_path: Path) -> None:
    path = tmp_path / "j.jsonl"
    path.write_text('{"name": "a", "val')
    journal = Journal(path, "name")
    assert journal.done == {}
    journal.append({"name": "b"})
    assert set(Journal(path, "name").done) == {"b"}


def test_nothing_is_kept_without_a_place() -> None:
    journal = Journal(None, "name")
    assert journal.begin({"name": "#run"}) == {"name": "#run"}
    journal.append({"name": "a"})
    assert set(journal.done) == {"#run", "a"}


def test_a_journal_behind_a_url_takes_in_what_others_put() -> None:
    url = as_path("memory://shared/journal")
    mine, other = Journal(url, "name"), Journal(url, "name")
    mine.append({"name": "a"})
    other.append({"name": "b"})
    write_whole(url / "notes.txt", "no object of the journal")
    assert mine.reload()
    assert set(mine.done) == {"a", "b"}
    assert not mine.reload()
