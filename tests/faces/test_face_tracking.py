import numpy as np
import pytest

from avfake.errors import ConfigError
from avfake.faces.tracking import TrackConfig, track_faces
from avfake.faces.types import Detections


def found(*faces):
    """Detections of one frame from (centre x, centre y, side, confidence)."""
    boxes = [[x - s / 2, y - s / 2, x + s / 2, y + s / 2] for x, y, s, _ in faces]
    landmarks = [np.full((5, 2), [x, y]) for x, y, _, _ in faces]
    return Detections(
        np.array(boxes, np.float32).reshape(-1, 4),
        np.array([c for *_, c in faces], np.float32),
        np.array(landmarks, np.float32).reshape(-1, 5, 2),
    )


def centres(track):
    return ((track.boxes[:, :2] + track.boxes[:, 2:]) / 2).tolist()


def test_a_moving_face_is_one_person():
    tracks = track_faces([found((100 + 40 * i, 100, 80, 0.99)) for i in range(8)])
    assert len(tracks) == 1
    assert tracks[0].frame_indices.tolist() == list(range(8))
    assert centres(tracks[0]) == [[100 + 40 * i, 100] for i in range(8)]


def test_a_gap_is_bridged_in_a_straight_line():
    frames = [found((100 + 10 * i, 100, 80, 0.9)) for i in range(8)]
    frames[3] = frames[4] = found()
    (track,) = track_faces(frames)
    assert centres(track)[4] == pytest.approx([140, 100])
    assert track.landmarks[4, 0].tolist() == pytest.approx([140, 100])
    assert np.flatnonzero(track.confidences == 0).tolist() == [3, 4]


def test_nothing_is_made_up_before_and_after():
    frames = [found()] * 2 + [found((100, 100, 80, 0.9))] * 4 + [found()] * 2
    (track,) = track_faces(frames)
    assert track.frame_indices.tolist() == [2, 3, 4, 5]


def test_a_single_false_face_is_dropped():
    frames = [found((100, 100, 80, 0.99)) for _ in range(10)]
    frames[4] = found((100, 100, 80, 0.99), (400, 300, 90, 0.99))
    (track,) = track_faces(frames)
    assert len(track) == 10


def test_a_person_seen_for_a_moment_is_kept_if_it_is_sure():
    frames = [found((100, 100, 80, 0.99)) for _ in range(20)]
    for index in (4, 5):
        frames[index] = found((100, 100, 80, 0.99), (400, 300, 90, 0.99), (700, 300, 60, 0.86))
    assert [len(track) for track in track_faces(frames)] == [20, 2]


def test_a_lone_face_stays_only_if_it_is_sure():
    empty = [found()] * 9
    assert len(track_faces([*empty, found((50, 50, 40, 0.99))])) == 1
    assert track_faces([*empty, found((50, 50, 40, 0.85))]) == []


def test_crossing_persons_keep_their_track():
    frames = [found((100 + 45 * i, 100, 80, 0.99), (460 - 45 * i, 130, 76, 0.98)) for i in range(9)]
    first, second = track_faces(frames)
    assert [x for x, _ in centres(first)] == [100 + 45 * i for i in range(9)]
    assert [x for x, _ in centres(second)] == [460 - 45 * i for i in range(9)]


def test_the_order_of_detections_does_not_matter():
    pair = [(100, 100, 80, 0.9), (300, 100, 60, 0.99)]
    frames = [found(*(pair if i % 2 else pair[::-1])) for i in range(6)]
    first, second = track_faces(frames)
    assert {x for x, _ in centres(first)} == {100}
    assert {x for x, _ in centres(second)} == {300}


def test_the_most_prominent_person_comes_first():
    frames = [found((100, 100, 50, 0.99), (400, 200, 120, 0.9)) for _ in range(5)]
    tracks = track_faces(frames)
    assert [track.person_id for track in tracks] == [0, 1]
    assert centres(tracks[0])[0] == [400, 200]


def test_every_person_of_a_crowd_is_tracked_and_tracks_are_thinned_evenly():
    crowd = [(60 + 100 * i, 60, 30, 0.99) for i in range(12)]
    speaker = (600, 400, 200, 0.95)
    tracks = track_faces([found(*crowd, speaker) for _ in range(8)])
    assert len(tracks) == 13
    assert centres(tracks[0])[0] == [600, 400]
    thinned = [track.thinned(3) for track in tracks]
    assert [track.frame_indices.tolist() for track in thinned] == [[1, 4, 6]] * 13
    assert [len(track.boxes) for track in thinned] == [3] * 13
    assert tracks[0].thinned(8) is tracks[0]
    assert len(tracks[0].thinned(1)) == 1


def test_a_box_inside_a_box_is_the_same_face():
    (track,) = track_faces([found((100, 100, 80, 0.99), (105, 105, 60, 0.9)) for _ in range(4)])
    assert centres(track)[0] == [100, 100]


def test_a_jump_across_the_picture_is_another_person():
    frames = [found((100, 100, 80, 0.99))] * 4 + [found((600, 100, 80, 0.99))] * 4
    assert [len(track) for track in track_faces(frames)] == [4, 4]


def test_one_frame_makes_a_track_of_one():
    (track,) = track_faces([found((100, 100, 80, 0.9))])
    assert len(track) == 1


def test_no_face_makes_no_track():
    assert track_faces([found()] * 3) == []
    assert track_faces([]) == []


@pytest.mark.parametrize("wrong", [{"min_share": 1.5}, {"max_size_ratio": 0.5}, {"max_shift": 0}])
def test_settings_outside_their_range_are_refused(wrong):
    with pytest.raises(ConfigError):
        TrackConfig(**wrong)
