"""Work of torch on several threads: the same bits on any number of them."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch

from avfake.detector.detector import Detector
from avfake.threads import allowed_threads, num_parts, one_thread, run_each


@pytest.fixture
def two_threads():
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(1)


def test_parts_run_side_by_side_each_on_one_thread(two_threads) -> None:
    meeting = threading.Barrier(2, timeout=30)

    def part(number: int) -> tuple[int, int, bool]:
        meeting.wait()  # both are under way at the same time
        return number, torch.get_num_threads(), torch.is_inference_mode_enabled()

    with torch.inference_mode():
        assert run_each(part, [1, 2]) == [(1, 1, True), (2, 1, True)]
    assert torch.get_num_threads() == 2


def test_the_number_of_threads_comes_back_after_the_last(two_threads) -> None:
    with one_thread() as outer:
        with one_thread() as inner:
            assert (outer, inner, torch.get_num_threads(), allowed_threads()) == (2, 2, 1, 2)
        assert torch.get_num_threads() == 1
    assert torch.get_num_threads() == allowed_threads() == 2


def test_each_python_thread_has_its_number_back_in_whatever_order_they_leave(two_threads) -> None:
    is_inside, may_leave = threading.Event(), threading.Event()

    def other() -> tuple[int, int]:
        with one_thread() as allowed:
            is_inside.set()
            may_leave.wait(30)
        return allowed, torch.get_num_threads()

    with ThreadPoolExecutor(1) as pool:
        with one_thread():
            found = pool.submit(other)
            is_inside.wait(30)
        numbers = torch.get_num_threads(), allowed_threads()
        may_leave.set()
        assert (*numbers, found.result()) == (2, 2, (2, 2))
    with one_thread() as allowed:
        assert allowed == 2


def test_a_python_thread_that_began_while_another_computed_uses_all_threads(two_threads) -> None:
    with ThreadPoolExecutor(1) as pool:
        with one_thread():
            pool.submit(torch.get_num_threads).result()  # torch takes its number at first use
        assert pool.submit(allowed_threads).result() == 2
        meeting = threading.Barrier(2)
        pool.submit(run_each, lambda _: meeting.wait(30), [1, 2]).result()  # side by side
        assert pool.submit(torch.get_num_threads).result() == 2


def test_a_part_that_divides_its_work_again_stays_at_one_thread(two_threads) -> None:
    def part(_: int) -> list[int]:
        inner = run_each(lambda _: torch.get_num_threads(), [1, 2])
        return [*inner, torch.get_num_threads()]

    assert run_each(part, [1, 2]) == [[1, 1, 1]] * 2


def test_items_are_divided_evenly_among_two_threads() -> None:
    for count in range(1, 70):
        sizes = [len(part) for part in torch.arange(count).tensor_split(num_parts(count, 4))]
        assert sum(sizes) == count
        assert max(sizes) <= 4
        assert max(sizes) - min(sizes) <= 1
        assert len(sizes) == 1 if count < 4 else len(sizes) % 2 == 0


def test_an_error_in_a_part_is_raised(two_threads) -> None:
    def part(number: int) -> float:
        return 1 / number

    with pytest.raises(ZeroDivisionError):
        run_each(part, [1, 0, 2])
    assert torch.get_num_threads() == 2


def test_an_answer_does_not_depend_on_the_number_of_threads(
    detector_folder: Path, studio_root: Path
) -> None:
    video = min(studio_root.glob("*.mp4"))
    answers = []
    for number in (1, 2, 3):
        torch.set_num_threads(number)
        answers.append(Detector.from_pretrained(detector_folder).predict(video))
        assert torch.get_num_threads() == number
    torch.set_num_threads(1)
    assert answers[0] == answers[1] == answers[2]
