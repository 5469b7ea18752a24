"""The cascade finds what the driver of facenet-pytorch finds with the same weights."""

import csv

import numpy as np
import pytest
import torch
from facenet_pytorch import MTCNN
from real_media import REAL_MEDIA
from torch.nn import functional as F

from avfake.faces.detecting import DetectConfig, MTCNNDetector
from avfake.faces.integral import Integral
from avfake.faces.stages import Stages, halved
from avfake.media.frames import read_frames
from avfake.media.probing import probe
from avfake.studio.build import build_studio
from avfake.studio.plan import StudioConfig


@pytest.fixture(scope="module")
def networks():
    settings = DetectConfig()
    return MTCNN(
        keep_all=True,
        select_largest=False,
        thresholds=list(settings.thresholds),
        min_face_size=settings.min_face_px,
    )


@pytest.fixture(scope="module")
def pixels():
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 50, 71, 3), np.uint8))


def as_input(pictures):
    return (pictures - 127.5) / 128


@pytest.mark.parametrize("size", [(20, 31), (50, 71), (7, 71)])
def test_pictures_are_resized_by_averaging(pixels, size):
    expected = F.interpolate(pixels.permute(0, 3, 1, 2).float(), size, mode="area")
    resized = Integral(pixels).resized(slice(0, 2), size)
    np.testing.assert_allclose(resized, as_input(expected), atol=1e-6)


def test_regions_of_several_pictures_are_cut_at_once(pixels):
    regions = torch.tensor([[3, 2, 40, 50], [0, 0, 71, 50], [60, 45, 71, 50]])
    frames = torch.tensor([1, 0, 1])
    cut = Integral(pixels).cut(frames, regions, 24)
    for one, frame, (x0, y0, x1, y1) in zip(cut, frames, regions, strict=True):
        region = pixels[frame, y0:y1, x0:x1].permute(2, 0, 1)[None].float()
        expected = as_input(F.interpolate(region, (24, 24), mode="area"))[0]
        np.testing.assert_allclose(one, expected, atol=1e-6)


def test_sums_beyond_32_bits_still_give_means():
    white = torch.full((1, 3000, 3000, 3), 255, dtype=torch.uint8)  # 2.3e9, over 2^31
    means = Integral(white).resized(slice(0, 1), (2, 2))
    np.testing.assert_allclose(means, 127.5 / 128, atol=1e-6)


@pytest.mark.parametrize("size", [(12, 12), (13, 18), (40, 41)])
def test_the_first_network_gives_what_facenet_pytorch_gives(networks, size):
    pictures = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        confidences, shifts = Stages(networks).propose(pictures)
        expected_shifts, both = networks.pnet(pictures)
    np.testing.assert_allclose(confidences, both[:, 1], atol=1e-5)
    np.testing.assert_allclose(shifts, expected_shifts.permute(0, 2, 3, 1), atol=1e-5)


@pytest.mark.parametrize("size", [(4, 6), (5, 6), (5, 7)])
def test_maxima_of_blocks_are_those_of_pooling(size):
    x = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0))
    np.testing.assert_array_equal(halved(x), F.max_pool2d(x, 2, ceil_mode=True))


def assert_same_faces(networks, frames):
    """The scale of these frames is 1 and their smallest face 20 px."""
    boxes, confidences, points = networks.detect(torch.from_numpy(frames).float(), landmarks=True)
    found = MTCNNDetector().detect(frames)
    for one, *expected in zip(found, boxes, confidences, points, strict=True):
        if expected[0] is None:
            assert len(one) == 0
            continue
        order = np.argsort(-np.asarray(expected[1], np.float32), kind="stable")
        columns = (one.boxes, one.confidences, one.landmarks)
        for column, values in zip(columns, expected, strict=True):
            np.testing.assert_allclose(column, np.asarray(values, np.float32)[order], atol=0.01)
    return sum(map(len, found))


def test_faces_of_the_studio_are_the_same(networks, tmp_path):
    build_studio(
        tmp_path / "studio",
        StudioConfig(2, seconds=1.0, seed=3, frame_sizes=((480, 320),)),
        workers=0,
        show_progress=False,
    )
    videos = sorted((tmp_path / "studio").rglob("*.mp4"))
    frames = [read_frames(video, probe(video).sample_times(3)).pixels for video in videos]
    assert sum(assert_same_faces(networks, each) for each in frames) >= 4


@pytest.mark.skipif(not REAL_MEDIA.exists(), reason="no real clips beside the checkout")
def test_faces_of_real_clips_are_the_same(networks):
    with (REAL_MEDIA / "manifest.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if 300 <= int(row["width"]) <= 640]
    rows = [row for row in rows if 300 <= int(row["height"]) <= 640][::30]
    total = 0
    for row in rows:
        path = REAL_MEDIA / "video" / row["filename"]
        total += assert_same_faces(networks, read_frames(path, probe(path).sample_times(2)).pixels)
    assert total >= len(rows)
