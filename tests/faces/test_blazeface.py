"""BlazeFace's arithmetic on networks whose faces are known, and the real model where it is here."""

import os
from pathlib import Path

import numpy as np
import pytest

from avfake.clips.config import ClipConfig
from avfake.errors import ConfigError
from avfake.faces.blazeface import (
    BlazeFaceConfig,
    BlazeFaceDetector,
    anchors,
    blend,
    decode,
    find_model,
    is_cut,
    tiles,
)

MODEL = os.environ.get("AVFAKE_TEST_BLAZEFACE", "")
DISC = (40, 200, 40)


def looking_for_green(side: int, count: int):
    """A network that finds the green square of a picture, and answers at the anchor nearest it."""

    def network(square: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        raw, logits = np.zeros((count, 16)), np.full(count, -20.0)
        green = (square[0, ..., 1] > 0.4) & (square[0, ..., 0] < -0.4)
        if green.any():
            y, x = (np.flatnonzero(green.any(axis=axis)) for axis in (1, 0))
            low, high = np.array([x[0], y[0]]), np.array([x[-1] + 1, y[-1] + 1])
            middle, size = (low + high) / 2, high - low
            here = int(np.linalg.norm(anchors(count) * side - middle, axis=1).argmin())
            offset = middle - anchors(count)[here] * side
            shape = np.array([[-0.2, -0.1], [0.2, -0.1], [0, 0.05], [0, 0.25], [-0.5, 0], [0.5, 0]])
            raw[here] = np.concatenate([offset, size, (offset + shape * size).ravel()])
            logits[here] = 3.0
        return raw, logits

    return network


def frame_with(box: tuple[int, int, int, int], height: int, width: int) -> np.ndarray:
    frame = np.zeros((height, width, 3), np.uint8)
    frame[box[1] : box[3], box[0] : box[2]] = DISC
    return frame


@pytest.mark.parametrize(
    ("count", "first", "last"),
    [
        (896, [1 / 32, 1 / 32], [15 / 16, 15 / 16]),
        (2304, [1 / 96, 1 / 96], [95 / 96, 95 / 96]),
    ],
)
def test_anchors_lie_in_the_middle_of_their_cells(count: int, first, last) -> None:
    found = anchors(count)
    assert found.shape == (count, 2)
    assert found[0].tolist() == pytest.approx(first)
    assert found[-1].tolist() == pytest.approx(last)
    assert found.mean(axis=0).tolist() == pytest.approx([0.5, 0.5])


def test_anchors_go_row_by_row_two_then_six_to_a_cell() -> None:
    found = anchors(896)
    assert found[1].tolist() == found[0].tolist()
    assert found[2].tolist() == pytest.approx([3 / 32, 1 / 32])
    assert found[32].tolist() == pytest.approx([1 / 32, 3 / 32])
    assert len({tuple(one) for one in found[512:518]}) == 1


def test_a_model_of_other_anchors_is_refused() -> None:
    with pytest.raises(ConfigError, match="1000 anchors"):
        anchors(1000)


def test_decoding_adds_the_anchor_and_halves_the_size() -> None:
    raw = np.zeros((896, 16))
    raw[0] = [4, 8, 32, 64, *range(12)]
    points = decode(raw, side_px=128)[0] * 128
    assert points[0].tolist() == [4 + 4 - 16, 4 + 8 - 32]
    assert points[1].tolist() == [4 + 4 + 16, 4 + 8 + 32]
    assert points[2].tolist() == [4 + 0, 4 + 1]
    assert points[7].tolist() == [4 + 10, 4 + 11]


@pytest.mark.parametrize(("height", "width"), [(90, 160), (160, 90), (100, 100), (7, 300)])
@pytest.mark.parametrize("levels", [1, 2, 3])
def test_a_face_up_to_half_a_tile_is_whole_in_one(height: int, width: int, levels: int) -> None:
    every = list(tiles(height, width, levels))
    assert len(every) == len(set(every))
    for left, top, side in every:
        assert 0 <= left <= width - side
        assert 0 <= top <= height - side
    smallest = min(side for *_, side in every)
    size = max(1, smallest // 2)
    corners = np.random.default_rng(0).uniform(0, [width - size, height - size], (200, 2))
    for x, y in corners.astype(int):
        assert any(
            left <= x and top <= y and x + size <= left + side and y + size <= top + side
            for left, top, side in every
        )


def test_overlapping_boxes_are_averaged_by_confidence_and_others_stay() -> None:
    def square(x: float, size: float) -> np.ndarray:
        return np.concatenate([[[x, 0], [x + size, size]], np.full((6, 2), x)])

    points = np.stack([square(50, 10), square(0, 10), square(2, 10)])
    faces, certain = blend(points, np.array([0.6, 0.9, 0.3]), max_overlap=0.3)
    assert certain.tolist() == [0.9, 0.6]
    assert faces[0, 0].tolist() == pytest.approx([2 * 0.3 / 1.2, 0])  # 0 and 2, weighed 3 to 1
    assert faces[1].tolist() == points[0].tolist()
    nothing, none = blend(points[:0], np.zeros(0), max_overlap=0.3)
    assert nothing.shape == (0, 8, 2)
    assert len(none) == 0


def test_only_a_border_inside_the_frame_cuts_a_face() -> None:
    points = np.zeros((1, 8, 2))
    points[0, :2] = [[0, 10], [20, 30]]
    assert not is_cut(points, (0, 0, 100), (100, 200)).any()
    assert is_cut(points + [100, 0], (100, 0, 100), (100, 200)).all()


@pytest.mark.parametrize("count", [896, 2304])
@pytest.mark.parametrize(
    ("box", "height", "width", "levels"),
    [
        ((40, 60, 100, 120), 256, 256, 1),
        ((300, 40, 380, 120), 240, 480, 1),  # at the right edge, whole in the last tile
        ((90, 40, 200, 150), 240, 480, 1),
        ((21, 200, 61, 240), 480, 240, 2),
    ],
)
def test_a_face_is_found_where_it_is(box, height, width, levels, count: int) -> None:
    side = 128 if count == 896 else 192
    config = BlazeFaceConfig(levels=levels)
    detector = BlazeFaceDetector(config, network=looking_for_green(side, count), side_px=side)
    frames = np.stack([frame_with(box, height, width), np.zeros((height, width, 3), np.uint8)])
    found, nothing = detector.detect(frames)
    assert len(nothing) == 0
    assert len(found) == 1
    scale = min(height, width) / side
    np.testing.assert_allclose(found.boxes[0], box, atol=2 * scale)
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    left, right, nose, mouth_left, mouth_right = found.landmarks[0]
    assert left[0] < x < right[0]
    np.testing.assert_allclose(nose, [x, y + 0.05 * (box[3] - box[1])], atol=2 * scale)
    np.testing.assert_allclose((mouth_left + mouth_right) / 2 - [0, 0.2 * (box[3] - box[1])], nose,
                               atol=2 * scale)  # fmt: skip
    assert mouth_left[0] < x < mouth_right[0]
    assert found.confidences[0] == pytest.approx(1 / (1 + np.exp(-3)), abs=1e-6)


def test_frames_of_another_shape_are_refused() -> None:
    detector = BlazeFaceDetector(BlazeFaceConfig(), network=looking_for_green(128, 896))
    with pytest.raises(ValueError, match="uint8"):
        detector.detect(np.zeros((1, 8, 8, 3), np.float32))


def test_the_hash_of_clips_changes_with_the_detector_alone() -> None:
    assert ClipConfig().hash == "b5ea75d2c0d2"
    config = BlazeFaceConfig("a" * 64)
    with_model = ClipConfig(detector="blazeface", blazeface=config).hash
    other_model = ClipConfig(detector="blazeface", blazeface=BlazeFaceConfig("b" * 64)).hash
    assert len({ClipConfig().hash, with_model, other_model}) == 3
    assert ClipConfig(blazeface=config).hash == ClipConfig().hash


def test_a_model_is_known_by_its_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = tmp_path / "face.tflite"
    file.write_bytes(b"a model")
    sha256 = BlazeFaceConfig().with_model(file).model_sha256
    file.unlink()
    assert find_model(sha256).read_bytes() == b"a model"
    find_model(sha256).write_bytes(b"another")
    with pytest.raises(ConfigError, match="was altered"):
        find_model(sha256)
    with pytest.raises(ConfigError, match="not on this machine"):
        find_model("0" * 64)
    with pytest.raises(ConfigError, match="--detector-model"):
        ClipConfig(detector="blazeface").face_detector()
    with pytest.raises(ConfigError, match="cannot be read"):
        BlazeFaceConfig().with_model(file)


@pytest.mark.parametrize("wrong", [{"detector": "blazefase"}, {"detector": "yunet"}])
def test_an_unknown_detector_is_refused(wrong) -> None:
    with pytest.raises(ConfigError, match="mtcnn"):
        ClipConfig(**wrong)


@pytest.mark.parametrize(
    "wrong", [{"model_sha256": "xyz"}, {"min_confidence": 1.0}, {"max_overlap": 0.0}, {"levels": 0}]
)
def test_settings_out_of_range_are_refused(wrong) -> None:
    with pytest.raises(ConfigError):
        BlazeFaceConfig(**wrong)


@pytest.mark.skipif(not MODEL, reason="AVFAKE_TEST_BLAZEFACE names no BlazeFace model")
def test_the_real_model_finds_the_faces_of_the_studio(
    studio_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("ai_edge_litert")
    from avfake.media.frames import read_frames
    from avfake.media.probing import probe

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    detector = BlazeFaceDetector(BlazeFaceConfig().with_model(MODEL))
    files = sorted(studio_root.rglob("*.mp4"))[:6]
    frames = [read_frames(file, probe(file).sample_times(1)).pixels for file in files]
    found = [len(detector.detect(one)[0]) for one in frames]
    assert sum(count == 1 for count in found) >= 5
