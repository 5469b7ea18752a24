"""Faces of frames between searched ones: expected, verified, and searched where they are not."""

import numpy as np
import pytest
import torch
from test_face_detecting import draw_face

from avfake.errors import ConfigError
from avfake.faces.cascade import CUT_TOGETHER
from avfake.faces.detecting import DetectConfig, MTCNNDetector
from avfake.faces.following import paired, search_clip
from avfake.faces.integral import Integral
from avfake.faces.types import Detections


def faces(*boxes):
    shape = (len(boxes), 4)
    corners = np.array(boxes, np.float32).reshape(shape)
    return Detections(
        corners, np.ones(len(boxes), np.float32), np.zeros((len(boxes), 5, 2), np.float32)
    )


def square(x, y, side=20):
    return (x, y, x + side, y + side)


class Scripted:
    """Frames whose faces are known; `near` finds those close to an expected one, and large ones."""

    def __init__(self, truth, reach=20, large=60):
        self.truth, self.reach, self.large = truth, reach, large
        self.searched, self.looked = [], []

    def everywhere(self, indices):
        self.searched += indices
        return [faces(*self.truth[i]) for i in indices]

    def near(self, indices, expected):
        self.looked += indices
        return [
            faces(*[box for box in self.truth[i] if self.is_seen(box, boxes)])
            for i, boxes in zip(indices, expected, strict=True)
        ]

    def is_seen(self, box, boxes):
        is_near = any(np.abs(np.array(box) - other).max() <= self.reach for other in boxes)
        return is_near or box[2] - box[0] >= self.large


def found_in(search, every):
    return [len(one) for one in search_clip(len(search.truth), every, search)]


def test_a_steady_face_is_searched_for_in_few_frames_and_followed_in_the_others():
    search = Scripted([[square(10 + 3 * i, 40)] for i in range(10)])
    found = search_clip(10, 4, search)
    assert search.searched == [0, 4, 8, 9]
    assert search.looked == [1, 2, 3, 5, 6, 7]
    for one, boxes in zip(found, search.truth, strict=True):
        np.testing.assert_array_equal(one.boxes, boxes)


@pytest.mark.parametrize(("count", "every"), [(7, 1), (2, 8), (1, 8), (0, 8)])
def test_short_clips_and_every_frame_are_searched_alone(count, every):
    search = Scripted([[square(10, 40)]] * count)
    assert found_in(search, every) == [1] * count
    assert search.searched == list(range(count))
    assert search.looked == []


def test_a_face_that_appears_or_leaves_is_found_in_each_frame():
    for start, end in ((3, 20), (0, 13), (5, 9)):
        truth = [[square(10, 40)] + [square(200, 40)] * (start <= i < end) for i in range(17)]
        search = Scripted(truth)
        assert found_in(search, 4) == [len(boxes) for boxes in truth]
        assert len(search.searched) < 12


def test_a_frame_in_which_a_face_is_not_confirmed_is_searched():
    truth = [[square(10, 40)] for _ in range(9)]
    truth[2] = []
    truth[6] = [square(140, 40)]  # it moved far, and back
    search = Scripted(truth)
    assert found_in(search, 8) == [len(boxes) for boxes in truth]
    assert {2, 6} <= set(search.searched)


def test_a_large_face_between_searched_frames_makes_that_frame_be_searched():
    truth = [[square(10, 40)] for _ in range(9)]
    truth[3] = [square(10, 40), square(200, 40, side=80)]
    truth[4] = [square(10, 40), square(202, 40, side=80)]
    truth[5] = [square(200, 40, side=80)]
    search = Scripted(truth)
    assert found_in(search, 8) == [len(boxes) for boxes in truth]


def test_a_small_face_that_no_searched_frame_has_is_lost():
    truth = [[square(10, 40)] for _ in range(9)]
    truth[3] = [square(10, 40), square(200, 40)]
    assert found_in(Scripted(truth), 8) == [1] * 9


def test_a_cut_to_another_place_is_found_out():
    truth = [[square(10, 40)] if i < 6 else [square(200, 90)] for i in range(17)]
    search = Scripted(truth)
    found = search_clip(17, 8, search)
    for one, boxes in zip(found, truth, strict=True):
        np.testing.assert_array_equal(one.boxes, boxes)


def test_faces_are_paired_by_place_and_size():
    left, right = square(0, 0), square(100, 0)
    both = np.array([left, right], np.float32)
    assert paired(both, both[::-1]).tolist() == [1, 0]
    assert paired(both, both[:1]) is None
    assert paired(both[:1], np.array([square(60, 0)], np.float32)) is None
    assert paired(both[:1], np.array([square(0, 0, side=40)], np.float32)) is None
    assert len(paired(both[:0], both[:0])) == 0


def moving_faces(count):
    return np.stack([draw_face(400, 300, (110 + 12 * i, 150), 90) for i in range(count)])


@pytest.fixture(scope="module")
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def test_followed_faces_are_those_of_a_full_search(one_thread):
    frames = moving_faces(9)
    every, some = (MTCNNDetector(DetectConfig(search_every=n)).detect(frames) for n in (1, 4))
    for one, other in zip(every, some, strict=True):
        assert len(one) == len(other) == 1
        np.testing.assert_allclose(one.boxes, other.boxes, atol=1)
        np.testing.assert_allclose(one.landmarks, other.landmarks, atol=1)


def test_batches_do_not_change_what_is_followed(one_thread):
    frames = moving_faces(7)
    settings = (DetectConfig(search_every=4, batch_pixels=n) for n in (1, 8_000_000))
    for one, other in zip(*(MTCNNDetector(each).detect(frames) for each in settings), strict=True):
        np.testing.assert_allclose(one.boxes, other.boxes, atol=0.01)


def test_a_part_of_the_frames_can_be_given(one_thread):
    frames = moving_faces(8)
    detector = MTCNNDetector(DetectConfig(search_every=4))
    parts = detector.detect(frames[:5]) + detector.detect(frames[5:])
    assert [len(one) for one in parts] == [1] * 8


def test_a_clip_without_a_face_has_none(one_thread):
    frames = np.full((6, 120, 160, 3), 110, np.uint8)
    found = MTCNNDetector(DetectConfig(search_every=4)).detect(frames)
    assert [len(one) for one in found] == [0] * 6


def test_every_frame_or_fewer_are_searched():
    with pytest.raises(ConfigError, match="search_every"):
        DetectConfig(search_every=0)


def test_500_faces_in_a_frame_stay_bounded(one_thread, monkeypatch):
    frame = np.tile(draw_face(96, 96, (48, 50), 56), (20, 25, 1))
    settings = DetectConfig(min_face_share=0.02, pyramid_factor=0.25, search_every=2)
    detector, cut_at_once = MTCNNDetector(settings), []

    def recorded(function, position):
        def call(*given):
            cut_at_once.append(len(given[position]))
            return function(*given)

        return call

    for name in ("cut", "sampled"):
        monkeypatch.setattr(Integral, name, recorded(getattr(Integral, name), 1))
    found = detector.detect(np.stack([frame] * 3))
    assert min(len(one) for one in found) == 500
    assert max(cut_at_once) == CUT_TOGETHER
