import errno
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from functools import partial
from multiprocessing import Pipe
from pathlib import Path

import pytest

from avfake.detector.shipped import DEFAULT_FOLDER
from avfake.errors import AvfakeError
from avfake.limits import Limits
from avfake.parallel.journal import Journal
from avfake.parallel.pool import map_items
from avfake.parallel.worker import Failure, _serve, memory_of


def square_or_misbehave(number: int) -> int:
    if number == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    if number == 5:
        time.sleep(60)
    if number == 7:
        raise ValueError("seven")
    return number * number


def threads_allowed(_: int) -> str:
    return os.environ["OMP_NUM_THREADS"]


def take_too_much(kind: str) -> str:
    """Take 400 MB of memory, or 4 MB of temporary files, and keep them; or neither."""
    if kind == "memory":
        held = bytearray(400_000_000)
        time.sleep(60)
        del held
    if kind == "files":
        Path(tempfile.mkdtemp(), "large").write_bytes(bytes(4_000_000))
        time.sleep(60)
    return tempfile.gettempdir()


def fill_the_disk(_: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def add(amount: int, number: int) -> int:
    return amount + number


def test_a_crash_a_hang_and_an_error_cost_only_their_own_items() -> None:
    results = dict(map_items(square_or_misbehave, range(10), workers=2, time_limit_seconds=3))
    assert set(results) == set(range(10))
    assert {i: r for i, r in results.items() if not isinstance(r, Failure)} == {
        i: i * i for i in (0, 1, 2, 4, 6, 8, 9)
    }
    assert results[3] == Failure("crashed", "exit code -9")
    assert results[5] == Failure("timed_out", "limit 3 s")
    assert isinstance(results[7], Failure)
    assert "ValueError: seven" in results[7].detail


def test_zero_workers_run_in_this_process() -> None:
    assert dict(map_items(partial(add, 10), [1, 2], workers=0)) == {0: 11, 1: 12}


def test_no_items_give_no_results() -> None:
    assert list(map_items(add, [], workers=2)) == []


def test_workers_share_the_cores() -> None:
    [(_, threads)] = list(map_items(threads_allowed, [0], workers=1))
    assert int(threads) >= 1


def test_the_journal_survives_a_line_torn_by_a_kill(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    journal = Journal(path, "name")
    journal.append({"name": "a", "value": 1})
    journal.append({"name": "b", "value": 2})
    with path.open("a") as file:
        file.write('{"name": "c", "val')
    again = Journal(path, "name")
    assert set(again.done) == {"a", "b"}
    again.append({"name": "c", "value": 3})
    assert Journal(path, "name").done["c"] == {"name": "c", "value": 3}


@pytest.mark.parametrize("workers", [0, 1])
def test_a_full_disk_is_no_failure_of_an_item(workers: int) -> None:
    with pytest.raises(AvfakeError, match="free some space and run the same command again"):
        list(map_items(fill_the_disk, [1, 2], workers=workers))


ONLY_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="memory is known on Linux alone")


MEMORY_OF_ITSELF = """
import mmap, os, sys
from avfake.parallel.worker import memory_of
before = memory_of(os.getpid())
held = mmap.mmap(-1, 50_000_000)
for start in range(0, len(held), mmap.PAGESIZE):
    held[start] = 1
print(memory_of(os.getpid()) - before)
with open(sys.argv[1], "rb") as file, mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped:
    assert len(mapped) > 50_000_000
    read = sum(mapped[start] for start in range(0, len(mapped), mmap.PAGESIZE))
    print(memory_of(os.getpid()) - before)
"""


@ONLY_LINUX
def test_the_memory_of_a_process_is_its_own_alone() -> None:
    # No file of a temporary folder: that may lie in memory, where it counts.
    file = DEFAULT_FOLDER / "frozen_visual.safetensors"
    # In a process without other threads, whose memory would be counted with it.
    command = [sys.executable, "-c", MEMORY_OF_ITSELF, str(file)]
    found = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    written, with_the_file = map(int, found.split())
    assert written == pytest.approx(50_000_000, rel=0.1)
    assert with_the_file == pytest.approx(written, rel=0.1)  # a file that was read is not its own
    assert memory_of(2**22 + 1) == 0  # no process has this number


@pytest.mark.parametrize(
    ("kind", "failure"),
    [
        pytest.param("memory", Failure("out_of_memory", "limit 0.3 GB"), marks=ONLY_LINUX),
        ("files", Failure("too_large", "temporary files of more than 0.002 GB")),
    ],
)
def test_an_item_that_takes_too_much_costs_itself_alone_and_leaves_nothing(
    kind: str, failure: Failure, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    limits = Limits(memory_gigabytes=0.3, temporary_gigabytes=0.002)
    found = dict(map_items(take_too_much, ["none", kind, "none"], workers=1, limits=limits))
    assert found[1] == failure
    assert {Path(found[n]).parent for n in (0, 2)} == {tmp_path}
    assert found[0] != found[2]
    assert list(tmp_path.iterdir()) == []


def test_a_journal_that_cannot_be_written_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    journal = Journal(tmp_path / "journal.jsonl", "name")
    monkeypatch.setattr(Path, "open", full)
    with pytest.raises(AvfakeError, match=r"journal\.jsonl could not be written: No space left"):
        journal.append({"name": "a"})
    assert "a" not in journal.done


SCRIPT = """
import torch
from avfake.parallel import map_items

def threads(_: int) -> int:
    return torch.get_num_threads()

if __name__ == "__main__":
    print([result for _, result in map_items(threads, [0, 1], workers=1, threads=1)])
"""


def test_threads_are_limited_before_the_callers_own_imports(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[1,", "1]"]


def test_a_worker_whose_caller_was_killed_ends_without_a_word(tmp_path: Path) -> None:
    ours, theirs = Pipe()
    folder = tmp_path / "temporary"
    folder.mkdir()
    ours.send((math.sqrt, folder))
    ours.send(4.0)
    ours.close()  # both are in the pipe still; the answer has nowhere to go
    _serve(theirs)
    assert not folder.exists()
