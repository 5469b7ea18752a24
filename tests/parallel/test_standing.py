"""Workers that stay up: steps on the way, one item lost at a crash or a hang, none kept busy."""

import os
import tempfile
import time
from pathlib import Path

import pytest

from avfake.limits import Limits
from avfake.parallel import Failure, StandingPool, Step


def work(item: str, tell) -> str:
    tell(f"working on {item}")
    if item == "crash":
        os._exit(5)
    if item == "hoard":
        Path(tempfile.mkdtemp(), "large").write_bytes(bytes(4_000_000))
    if item in ("hang", "hoard"):
        time.sleep(60)
    if item == "error":
        raise ValueError("no such item")
    time.sleep(0.3)
    return f"{item} by {os.getpid()}"


@pytest.fixture
def pool():
    found = StandingPool(work, workers=1, time_limit_seconds=8.0)
    yield found
    found.close()


def result_of(pool: StandingPool, item: str):
    return list(pool.ask(item))[-1]


def test_steps_come_before_the_result_and_the_process_stays(pool):
    first = list(pool.ask("a"))
    assert Step("working on a") in first
    assert all(isinstance(one, Step) for one in first[:-1])
    assert first[-1].startswith("a by ")
    assert result_of(pool, "b").split()[-1] == first[-1].split()[-1]


def test_a_crash_an_error_and_a_hang_are_the_result_of_their_item_alone(pool):
    assert result_of(pool, "crash") == Failure("crashed", "exit code 5")
    assert "ValueError: no such item" in result_of(pool, "error").detail
    assert result_of(pool, "a").startswith("a by ")
    assert result_of(pool, "hang") == Failure("timed_out", "limit 8 s")
    assert result_of(pool, "b").startswith("b by ")


def test_an_item_that_is_given_up_ends_at_once(pool):
    asked, started = pool.ask("hang"), time.monotonic()
    assert isinstance(next(asked), Step)
    asked.close()
    assert result_of(pool, "a").startswith("a by ")
    assert time.monotonic() - started < 6


def test_who_asks_while_all_are_at_work_is_told_to_wait(pool):
    first, second = pool.ask("hang"), pool.ask("b")
    next(first)
    assert next(second) == Step("waiting for a free worker")
    first.close()
    assert list(second)[-1].startswith("b by ")


def test_a_worker_that_dies_between_two_items_is_replaced(pool):
    process = pool._all[0].process
    result_of(pool, "a")
    process.kill()
    process.join()
    assert result_of(pool, "b").startswith("b by ")


def test_an_item_that_takes_too_much_is_given_up_and_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    limits = Limits(temporary_gigabytes=0.002)
    pool = StandingPool(work, workers=1, time_limit_seconds=60.0, limits=limits)
    assert result_of(pool, "hoard") == Failure("too_large", "temporary files of more than 0.002 GB")
    assert len(list(tmp_path.iterdir())) == 1  # of the new worker
    assert result_of(pool, "b").startswith("b by ")
    pool.close()
    assert list(tmp_path.iterdir()) == []
