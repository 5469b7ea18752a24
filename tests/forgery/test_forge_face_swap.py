"""The truth of a swap is known by construction: what moved, what did not, and where to."""

import numpy as np
import pytest
import torch

from avfake.errors import ConfigError
from avfake.forgery.compositing import grain_level
from avfake.forgery.face_swap import swap_faces
from avfake.forgery.faces_in_place import TEMPLATE, fit_similarity, invert

LANDMARKS = TEMPLATE * 80 + (40, 30)
"""A face 80 px wide whose corner is at (40, 30)."""


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def noise_video(rng: np.random.Generator, count: int, size: tuple[int, int]) -> np.ndarray:
    return rng.integers(60, 200, (count, *size, 3), dtype=np.uint8)


def repeated(landmarks: np.ndarray, count: int) -> np.ndarray:
    return np.repeat(landmarks[None], count, axis=0)


def swapped(rng: np.random.Generator, difficulty: float, source: np.ndarray | None = None):
    target = noise_video(np.random.default_rng(1), 6, (140, 160))
    if source is None:
        source = noise_video(np.random.default_rng(2), 6, (100, 100))
    swap = swap_faces(
        target,
        repeated(LANDMARKS, 6),
        source,
        repeated(TEMPLATE * 100, len(source)),
        difficulty=difficulty,
        rng=rng,
    )
    return target, swap


@pytest.mark.parametrize("difficulty", [0.0, 0.5, 1.0])
def test_nothing_changes_outside_the_mask(rng, difficulty: float) -> None:
    target, swap = swapped(rng, difficulty)
    changed = (target != swap.pixels).any(axis=3)
    assert not (changed & ~swap.mask).any()
    assert 0.05 < swap.mask.mean() < 0.3
    assert changed[swap.mask].mean() > 0.8


def test_the_mask_lies_on_the_face(rng) -> None:
    _, swap = swapped(rng, 1.0)
    for x, y in LANDMARKS.round().astype(int):
        assert swap.mask[:, y, x].all()
    rows, columns = np.nonzero(swap.mask.any(axis=0))
    assert (columns.min() > 40, columns.max() < 120, rows.min() > 30) == (True, True, True)


def test_a_point_of_the_source_arrives_at_its_place_in_the_target(rng) -> None:
    source = np.full((1, 100, 100, 3), 90, np.uint8)
    x, y = (TEMPLATE[2] * 100).astype(int)
    source[0, y - 4 : y + 5, x - 4 : x + 5] = 250
    _, swap = swapped(rng, 1.0, source)
    inside = np.where(swap.mask[0], swap.pixels[0].mean(axis=2), 0)
    rows, columns = np.nonzero(inside > 0.9 * inside[60:100, 60:100].max())
    assert np.hypot(columns.mean() + 0.5 - LANDMARKS[2, 0], rows.mean() + 0.5 - LANDMARKS[2, 1]) < 3


def test_a_harder_swap_leaves_less_flicker(rng) -> None:
    flickers = []
    for difficulty in (0.0, 1.0):
        _, swap = swapped(
            np.random.default_rng(3), difficulty, np.full((1, 64, 64, 3), 128, np.uint8)
        )
        level = [frame[mask].mean() for frame, mask in zip(swap.pixels, swap.mask, strict=True)]
        flickers.append(np.std(level))
    assert flickers[0] > 3 * flickers[1]


def test_the_same_seed_gives_the_same_swap() -> None:
    first, second = (swapped(np.random.default_rng(9), 0.3)[1] for _ in range(2))
    assert np.array_equal(first.pixels, second.pixels)
    assert np.array_equal(first.mask, second.mask)


def test_a_face_at_the_border_of_the_frame_is_swapped_too(rng) -> None:
    target = noise_video(rng, 2, (90, 90))
    swap = swap_faces(
        target,
        repeated(TEMPLATE * 80 + (-30, -20), 2),
        noise_video(rng, 2, (64, 64)),
        repeated(TEMPLATE * 64, 2),
        difficulty=0.3,
        rng=rng,
    )
    assert swap.pixels.shape == target.shape
    assert swap.mask.any()


def test_landmarks_that_do_not_fit_the_frames_are_refused(rng) -> None:
    target = noise_video(rng, 3, (90, 90))
    with pytest.raises(ValueError, match="target and its landmarks"):
        swap_faces(
            target,
            repeated(LANDMARKS, 2),
            target,
            repeated(LANDMARKS, 3),
            difficulty=0.3,
            rng=rng,
        )
    with pytest.raises(ConfigError, match="difficulty"):
        swapped(rng, 1.5)


def test_a_similarity_is_found_again(rng) -> None:
    points = rng.uniform(0, 100, (4, 5, 2))
    turn = 1.7 * np.array([[np.cos(0.3), -np.sin(0.3)], [np.sin(0.3), np.cos(0.3)]])
    moved = points @ turn.T + (5, -9)
    found = fit_similarity(points, moved)
    assert np.allclose(found[:, :, :2], turn)
    assert np.allclose(found[:, :, 2], (5, -9))
    assert np.allclose(invert(invert(found)), found)


@pytest.mark.parametrize("level", [1.0, 4.0])
def test_the_grain_of_a_picture_is_measured(level: float) -> None:
    slope = torch.arange(64.0).view(1, 1, 1, 64) + 2 * torch.arange(48.0).view(1, 1, 48, 1)
    noise = torch.randn(2, 3, 48, 64, generator=torch.Generator().manual_seed(0))
    assert grain_level(slope + level * noise) == pytest.approx(level, rel=0.05)
