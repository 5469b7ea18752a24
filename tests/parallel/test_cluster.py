import errno
import math
import os
import signal
import subprocess
import sys
import time
from functools import partial
from multiprocessing import Pipe
from pathlib import Path

import pytest

from avfake.errors import AvfakeError
from avfake.parallel.journal import Journal
from avfake.parallel.pool import Failure, _serve, map_items


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


def test_a_worker_whose_caller_was_killed_ends_without_a_word() -> None:
    ours, theirs = Pipe()
    ours.send(math.sqrt)
    ours.send(4.0)
    ours.close()  # both are in the pipe still; the answer has nowhere to go
    _serve(theirs)
