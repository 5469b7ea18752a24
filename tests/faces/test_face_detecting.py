import csv

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw, ImageFilter
from real_media import REAL_MEDIA

from avfake.errors import ConfigError
from avfake.faces.detecting import DetectConfig, MTCNNDetector, detection_scale
from avfake.media.frames import read_frames
from avfake.media.probing import probe


def draw_face(width, height, centre, side):
    """A face of ellipses; `side` is about the width of the head."""
    image = Image.new("RGB", (width, height), (96, 110, 120))
    draw = ImageDraw.Draw(image)

    def ellipse(x, y, rx, ry, colour):
        cx, cy = centre[0] + x * side, centre[1] + y * side
        draw.ellipse((cx - rx * side, cy - ry * side, cx + rx * side, cy + ry * side), fill=colour)

    ellipse(0, -0.15, 0.56, 0.68, (60, 42, 30))
    ellipse(0, 0, 0.5, 0.65, (222, 178, 150))
    for x in (-0.2, 0.2):
        ellipse(x, -0.22, 0.13, 0.025, (70, 48, 36))
        ellipse(x, -0.1, 0.1, 0.055, (245, 245, 245))
        ellipse(x, -0.1, 0.05, 0.05, (50, 36, 30))
    ellipse(0, 0.1, 0.05, 0.14, (200, 150, 125))
    ellipse(0, 0.2, 0.09, 0.035, (180, 128, 108))
    ellipse(0, 0.38, 0.2, 0.06, (170, 75, 75))
    blurred = np.asarray(image.filter(ImageFilter.GaussianBlur(side / 80)), np.float32)
    noise = np.random.default_rng(0).normal(0, 3, blurred.shape)
    return (blurred + noise).clip(0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def detector():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield MTCNNDetector()
    torch.set_num_threads(threads)


@pytest.mark.parametrize(
    ("size", "centre", "side"),
    [((240, 200), (130, 100), 80), ((640, 480), (200, 240), 160), ((1280, 720), (900, 350), 240)],
)
def test_a_drawn_face_is_found_in_full_resolution_px(detector, size, centre, side):
    frames = np.stack([draw_face(*size, centre, side)] * 2)
    for found in detector.detect(frames):
        assert len(found) == 1
        assert found.confidences[0] > 0.9
        x0, y0, x1, y1 = found.boxes[0]
        assert abs((x0 + x1) / 2 - centre[0]) < 0.15 * side
        assert 0.6 * side < x1 - x0 < 1.4 * side
        left_eye, right_eye = found.landmarks[0, :2]
        assert (
            np.abs(left_eye - [centre[0] - 0.2 * side, centre[1] - 0.1 * side]).max() < 0.1 * side
        )
        assert (
            np.abs(right_eye - [centre[0] + 0.2 * side, centre[1] - 0.1 * side]).max() < 0.1 * side
        )
        assert found.boxes.dtype == found.confidences.dtype == found.landmarks.dtype == np.float32


def test_every_frame_has_its_own_answer(detector):
    face = draw_face(320, 320, (160, 160), 120)
    empty = np.full_like(face, 110)
    counts = [len(found) for found in detector.detect(np.stack([empty, face, empty]))]
    assert counts == [0, 1, 0]
    assert detector.detect(np.zeros((0, 320, 320, 3), np.uint8)) == []


def test_batches_do_not_change_the_answer(detector):
    frames = np.stack([draw_face(320, 320, (100 + 15 * i, 160), 110) for i in range(5)])
    small = MTCNNDetector(DetectConfig(batch_pixels=1))
    for one, other in zip(detector.detect(frames), small.detect(frames), strict=True):
        np.testing.assert_allclose(one.boxes, other.boxes, atol=0.01)


def test_the_answer_repeats(detector):
    frames = draw_face(320, 320, (160, 160), 120)[None]
    first, second = detector.detect(frames)[0], detector.detect(frames)[0]
    np.testing.assert_array_equal(first.boxes, second.boxes)


def test_a_picture_too_small_for_a_face_has_none(detector):
    assert [len(found) for found in detector.detect(np.zeros((2, 8, 8, 3), np.uint8))] == [0, 0]


def test_the_scale_follows_the_larger_side():
    sides = [200, 300, 1000, 1001, 1900, 1920, 3840]
    assert [detection_scale(100, side) for side in sides] == [2, 1, 1, 0.5, 0.5, 1 / 3, 1 / 3]


def test_frames_of_another_kind_are_refused(detector):
    with pytest.raises(ValueError, match="uint8"):
        detector.detect(np.zeros((1, 64, 64, 3), np.float32))
    with pytest.raises(ConfigError):
        DetectConfig(thresholds=(0.7, 0.8, 1.0))


@pytest.mark.cuda
@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_a_gpu_finds_the_same_faces(detector):
    frames = draw_face(1280, 720, (900, 350), 240)[None]
    there = MTCNNDetector(device="cuda").detect(frames)[0]
    np.testing.assert_allclose(there.boxes, detector.detect(frames)[0].boxes, atol=2)


@pytest.mark.skipif(not REAL_MEDIA.exists(), reason="no real clips beside the checkout")
def test_faces_of_real_clips_are_found(detector):
    with (REAL_MEDIA / "manifest.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if float(row["faces_found"]) > 0][::16]
    missed = []
    for row in rows:
        path = REAL_MEDIA / "video" / row["filename"]
        frames = read_frames(path, probe(path).sample_times(4))
        if not any(len(found) for found in detector.detect(frames.pixels)):
            missed.append(row["filename"])
    assert len(missed) <= 0.05 * len(rows), missed
