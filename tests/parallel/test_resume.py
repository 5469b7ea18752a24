"""Which lines of a journal stand, and which files are read again by the next run."""

from multiprocessing.synchronize import SemLock
from typing import Any

import pytest

from avfake.parallel.resume import is_settled, progress

OK: dict[str, Any] = {"status": "ok", "reasons": "", "state": "12 34"}
PARTIAL: dict[str, Any] = OK | {"status": "partial"}
FAILED: dict[str, Any] = OK | {"status": "failed", "reasons": "file:not_media (moov)"}
LOST = ["face:unreachable (Stale file handle)", "voice:no_speech; face:file_missing"]


def test_an_answer_stands_until_the_file_changes() -> None:
    assert not is_settled(None, "12 34")
    assert is_settled(OK, "12 34")
    assert not is_settled(OK, "12 35")
    assert is_settled(PARTIAL | {"reasons": "voice:no_audio; face:damaged"}, "12 34")


@pytest.mark.parametrize("state", ["", None])
def test_a_file_that_is_not_there_keeps_its_answer(state: str | None) -> None:
    assert is_settled(OK, state)
    assert is_settled(PARTIAL | {"reasons": LOST[0]}, state)


@pytest.mark.parametrize("reasons", LOST)
def test_an_answer_without_a_stream_that_was_lost_does_not_stand(reasons: str) -> None:
    assert not is_settled(PARTIAL | {"reasons": reasons}, "12 34")
    assert not is_settled(PARTIAL | {"reasons": reasons}, "12 34", is_rewritten=True)


def test_words_of_a_decoder_are_no_reason() -> None:
    assert is_settled(PARTIAL | {"reasons": "voice:damaged (a crashed:unreachable)"}, "12 34")


def test_a_failure_is_final_only_where_it_lies_in_a_file_that_is_rewritten() -> None:
    assert not is_settled(FAILED, "12 34")
    assert is_settled(FAILED, "12 34", is_rewritten=True)
    for reasons in ("file:crashed (exit code -9)", "file:timed_out", *LOST):
        assert not is_settled(FAILED | {"reasons": reasons}, "12 34", is_rewritten=True)


def test_a_bar_leaves_no_semaphore_where_its_process_is_killed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("a semaphore, shared between processes")

    monkeypatch.setattr(SemLock, "__init__", refuse)
    monkeypatch.delattr("tqdm.std.tqdm._lock", raising=False)  # as in a new process
    monkeypatch.delattr("tqdm.std.TqdmDefaultWriteLock.mp_lock", raising=False)
    assert list(progress([1, 2], desc="counting", unit="item")) == [1, 2]
