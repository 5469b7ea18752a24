"""Localisation metrics against what can be counted by hand."""

import math
import sys
from pathlib import Path

import numpy as np
import pytest

sys.path.insert(0, str(Path(__file__).parents[2]))
from benchmarks.temporal_localisation import (  # noqa: E402  (it lies outside of the package)
    FileSegments,
    average_precision,
    average_recall,
    localisation,
    localisation_table,
    mean_best_iou,
    temporal_iou,
)

# Three files, three forged segments, five found ones. By hand, surest first:
#   0.9  first   (0, 4) on (0, 5)     IoU 4/5         = 0.8
#   0.8  genuine (1, 2)               nothing there   = 0
#   0.7  second  (2, 4) on (2, 4)     the same        = 1
#   0.6  first   (1, 5) on (0, 5)     0.8 again, but (0, 5) is claimed at IoU <= 0.8
#   0.5  first   (8, 10) on (7, 10)   IoU 2/3
FILES = [
    FileSegments(((1, 5, 0.6), (0, 4, 0.9), (8, 10, 0.5)), ((0, 5), (7, 10))),
    FileSegments(((2, 4, 0.7),), ((2, 4),)),
    FileSegments(((1, 2, 0.8),), ()),
]


def test_overlap_in_time() -> None:
    found = temporal_iou([(0, 4), (6, 8)], [(0, 5), (2, 6), (9, 10)])
    assert found == pytest.approx(np.array([[0.8, 2 / 6, 0], [0, 0, 0]]))
    assert temporal_iou([], [(0, 1)]).shape == (0, 1)


@pytest.mark.parametrize(
    ("iou", "expected"),
    [
        # right, wrong, right, wrong, right: precision 1, 1/2, 2/3, 2/4, 3/5, which interpolated
        # is 1, 2/3, 2/3, 3/5, 3/5 and counts where recall rises.
        (0.5, (1 + 2 / 3 + 3 / 5) / 3),
        # The last one is too short now.
        (0.75, (1 + 2 / 3) / 3),
        # Only the third is exact enough: precision 1/3 at a recall of 1/3.
        (0.95, (1 / 3) / 3),
    ],
)
def test_average_precision_as_counted_by_hand(iou: float, expected: float) -> None:
    assert average_precision(FILES, iou) == pytest.approx(expected)
    assert average_precision(FILES[::-1], iou) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("count", "expected"),
    [
        # Best IoU of the three true segments among all found: 0.8, 2/3, 1. Of the ten IoUs
        # 0.5, 0.55 ... 0.95 they reach 7, 4 and 10.
        (100, (7 + 4 + 10) / 30),
        (3, (7 + 4 + 10) / 30),
        # The two surest of the first file are both on (0, 5).
        (2, (7 + 0 + 10) / 30),
    ],
)
def test_average_recall_as_counted_by_hand(count: int, expected: float) -> None:
    assert average_recall(FILES, count) == pytest.approx(expected)


def test_mean_iou_as_counted_by_hand() -> None:
    assert mean_best_iou(FILES) == pytest.approx((0.8 + 2 / 3 + 1) / 3)
    assert mean_best_iou([FileSegments((), ((0, 1),))]) == 0


def test_a_segment_claims_what_it_overlaps_most() -> None:
    crowded = FileSegments(((0, 4, 0.9), (0, 6, 0.8)), ((0, 6), (0, 4.2)))
    assert average_precision([crowded], 0.6) == pytest.approx(1)


def test_a_perfect_detector_has_all_and_a_blind_one_nothing() -> None:
    truth = ((1.0, 2.5), (4.0, 5.0))
    perfect = FileSegments(tuple((start, end, 0.9) for start, end in truth), truth)
    assert set(localisation([perfect]).values()) == {1.0}
    assert set(localisation([FileSegments((), truth)]).values()) == {0.0}


def test_without_anything_forged_there_is_no_number() -> None:
    for value in localisation([FILES[2]]).values():
        assert math.isnan(value)
    assert all(math.isnan(value) for value in localisation([]).values())


def test_false_alarms_cost_precision_and_not_recall() -> None:
    alarmed = [*FILES, FileSegments(((0, 1, 0.99), (3, 4, 0.98)), ())]
    assert average_precision(alarmed, 0.5) < average_precision(FILES, 0.5)
    assert average_recall(alarmed, 10) == average_recall(FILES, 10)


def test_the_table_has_the_numbers_their_intervals_and_false_alarms() -> None:
    genuine = [FileSegments((), ()), FileSegments(((1, 2, 0.5), (3, 4, 0.5)), ())]
    files, groups = [*FILES, *genuine], ["a", "a", "b", "b", "c"]
    table = localisation_table(files, groups, num_resamples=200).set_index("metric")
    assert list(table.index) == [*localisation(files), "false_alarms"]
    for name, value in localisation(files).items():
        assert table.value[name] == pytest.approx(value)
        assert table["count"][name] == 3
    # Both files with something to find are of one group: no draw of groups moves their mean.
    assert table.low["mean_iou"] == pytest.approx(table.value["mean_iou"])
    assert table.high["mean_iou"] == pytest.approx(table.value["mean_iou"])
    # Something is found in two of three genuine files: in one of two of group b, in c.
    assert table.value["false_alarms"] == pytest.approx(2 / 3)
    assert (table.low["false_alarms"], table.high["false_alarms"]) == (0.5, 1.0)
    assert table["count"]["false_alarms"] == 3


def test_the_interval_of_the_mean_iou_is_that_of_a_mean_over_groups() -> None:
    rng = np.random.default_rng(0)
    ends = rng.uniform(0.1, 1.0, 60)  # found (0, end) on (0, 1): the IoU is the end
    files = [FileSegments(((0.0, end, 0.5),), ((0.0, 1.0),)) for end in ends]
    table = localisation_table(files, [str(i) for i in range(60)], metrics=["mean_iou"])
    row = table.iloc[0]
    assert row.value == pytest.approx(ends.mean())
    expected = 2 * 1.96 * ends.std() / np.sqrt(60)
    assert row.high - row.low == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize("wrong", [(2, 1, 0.5), (-1, 1, 0.5), (0, 1, math.nan), (0, math.inf, 1)])
def test_an_impossible_segment_is_refused(wrong: tuple[float, float, float]) -> None:
    with pytest.raises(ValueError, match="cannot be"):
        FileSegments((wrong,), ())
