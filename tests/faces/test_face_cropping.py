import numpy as np
import pytest

from avfake.errors import ConfigError
from avfake.faces.cropping import CropConfig, FaceTrack


def track_of(boxes, confidences=None):
    count = len(boxes)
    return FaceTrack(
        np.array(boxes, np.float32),
        np.ones(count, np.float32) if confidences is None else np.array(confidences, np.float32),
        np.zeros((count, 5, 2), np.float32),
        person_id=0,
        frame_indices=np.arange(count),
    )


def test_the_face_fills_the_crop_but_for_the_margin():
    frames = np.zeros((1, 200, 300, 3), np.uint8)
    frames[0, 60:140, 100:180] = 255
    crop = track_of([[100, 60, 180, 140]]).crops(frames, CropConfig(size_px=128))[0]
    bright = np.flatnonzero(crop[64, :, 0] > 127)
    # 0.3 of the face on each side: the face is the middle 1 / 1.6 of the crop.
    assert (bright[0], bright[-1]) == (24, 103)
    assert np.flatnonzero(crop[:, 64, 0] > 127).tolist() == bright.tolist()


def test_the_crop_follows_the_face_and_holds_its_scale():
    frames = np.zeros((4, 200, 400, 3), np.uint8)
    boxes = []
    for index, frame in enumerate(frames):
        left, side = 60 + 50 * index, 60
        frame[60 : 60 + side, left : left + side] = 255
        # The detector's boxes flicker about the same centre.
        flicker = 3 * (index % 2)
        boxes.append([left - flicker, 60 - flicker, left + side + flicker, 60 + side + flicker])
    crops = track_of(boxes).crops(frames, CropConfig(size_px=96))
    assert crops.shape == (4, 96, 96, 3)
    assert np.abs(crops.astype(int) - crops[0]).max() <= 1


def test_what_lies_outside_the_frame_is_black():
    frames = np.full((2, 100, 100, 3), 200, np.uint8)
    track = track_of([[-20, -20, 40, 40], [70, 70, 130, 130]])
    first, second = track.crops(frames, CropConfig(size_px=96))
    assert first[:20, :20].max() == 0
    assert first[-20:, -20:].min() == 200
    assert second[-20:, -20:].max() == 0
    assert second[:20, :20].min() == 200


def test_a_face_wholly_outside_is_black():
    frames = np.full((1, 100, 100, 3), 200, np.uint8)
    assert track_of([[500, 500, 560, 560]]).crops(frames, CropConfig()).max() == 0


def test_bridged_boxes_do_not_set_the_scale():
    track = track_of([[0, 0, 50, 50], [0, 0, 500, 500]], confidences=[0.9, 0.0])
    squares = track.squares(CropConfig(margin=0.0))
    assert (squares[:, 2] - squares[:, 0]).tolist() == pytest.approx([50, 50])


def test_shrinking_does_not_alias():
    stripes = np.zeros((1, 512, 512, 3), np.uint8)
    stripes[:, :, ::2] = 255
    crop = track_of([[0, 0, 512, 512]]).crops(stripes, CropConfig(margin=0.0, size_px=64))[0]
    assert np.abs(crop[4:-4, 4:-4].astype(int) - 127).max() <= 3


def test_a_track_of_other_frames_is_refused():
    with pytest.raises(ValueError, match="frame 1"):
        track_of([[0, 0, 9, 9]] * 2).crops(np.zeros((1, 50, 50, 3), np.uint8), CropConfig())


@pytest.mark.parametrize("wrong", [{"margin": -0.1}, {"size_px": 0}, {"side_quantile": 2}])
def test_settings_outside_their_range_are_refused(wrong):
    with pytest.raises(ConfigError):
        CropConfig(**wrong)
