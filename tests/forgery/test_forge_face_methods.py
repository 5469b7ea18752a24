"""Every forgery of a face says truly which pixels it touched, and does touch them."""

import numpy as np
import pytest
import torch
from scipy.ndimage import binary_erosion
from subjects import talking_head

from avfake.errors import ConfigError
from avfake.forgery.face_methods import FACE_METHODS, forge_face
from avfake.forgery.faces_in_place import REGIONS, TEMPLATE, aligned_coordinates, fit_hull
from avfake.forgery.person_swap import one_shot, temporal_mouth
from avfake.forgery.resynthesis import latent_blocks, likely_texture, upsampling_layers
from avfake.forgery.self_blending import SelfBlendConfig, self_blend

SIDE = 128
LANDMARKS = (TEMPLATE * 72 + 28).astype(np.float32)
COUNT = 5


def textured(count: int = COUNT, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).integers(40, 215, (count, SIDE, SIDE, 3), dtype=np.uint8)


def still_points(count: int = COUNT) -> np.ndarray:
    return np.repeat(LANDMARKS[None], count, axis=0)


def forged(name: str, seed: int = 0):
    crops = textured()
    swap = forge_face(crops, still_points(), rng=np.random.default_rng(seed), methods=[name])
    return crops, swap


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("name", FACE_METHODS)
def test_only_the_mask_changes_and_it_does(name: str, seed: int) -> None:
    crops, swap = forged(name, seed)
    change = np.abs(crops.astype(int) - swap.pixels).mean(axis=3)
    assert swap.pixels.dtype == np.uint8
    assert swap.mask.dtype == bool
    assert swap.mask.shape == crops.shape[:3]
    assert not change[~swap.mask].any()
    assert swap.mask.any(axis=(1, 2)).all()
    assert change[swap.mask].mean() > 1


@pytest.mark.parametrize("name", FACE_METHODS)
def test_the_same_seed_gives_the_same_face(name: str) -> None:
    first, second, other = (forged(name, seed)[1] for seed in (3, 3, 4))
    assert np.array_equal(first.pixels, second.pixels)
    assert np.array_equal(first.mask, second.mask)
    assert not np.array_equal(first.pixels, other.pixels)


@pytest.mark.parametrize("name", FACE_METHODS)
def test_a_frame_without_landmarks_stays(name: str) -> None:
    crops, points = textured(), still_points()
    points[1] = np.nan
    swap = forge_face(crops, points, rng=np.random.default_rng(0), methods=[name])
    assert np.array_equal(swap.pixels[1], crops[1])
    assert not swap.mask[1].any()
    assert swap.mask[[0, 2, 3, 4]].any(axis=(1, 2)).all()
    points[:] = np.nan
    assert not forge_face(crops, points, rng=np.random.default_rng(0), methods=[name]).mask.any()


@pytest.mark.parametrize("name", FACE_METHODS)
@pytest.mark.parametrize("count", [0, 1])
def test_no_frame_and_one_frame_are_fine(name: str, count: int) -> None:
    crops = textured(count)
    swap = forge_face(crops, still_points(count), rng=np.random.default_rng(0), methods=[name])
    assert swap.pixels.shape == crops.shape
    assert swap.mask.any() == bool(count)


def test_regions_say_where() -> None:
    rows = {}
    for region in ("eyes", "mouth", "whole_face"):
        config = SelfBlendConfig(regions=(region,), ratios=(1.0,))
        swap = self_blend(textured(), still_points(), rng=np.random.default_rng(2), config=config)
        rows[region] = np.nonzero(swap.mask.any(axis=(0, 2)))[0]
        x, y = LANDMARKS[{"eyes": 0, "mouth": 3, "whole_face": 2}[region]].astype(int)
        assert swap.mask[:, y, x].all()
    nose = LANDMARKS[2, 1]
    assert rows["eyes"].max() < nose + 8
    assert rows["mouth"].min() > nose - 8
    assert np.ptp(rows["whole_face"]) > 1.6 * np.ptp(rows["mouth"])


@pytest.mark.parametrize("region", REGIONS)
def test_a_hull_turns_with_the_head(region: str) -> None:
    """The far side of a turned face is narrower: the hull moves away from where the nose points."""
    straight = TEMPLATE[None]
    turned = straight.copy()
    turned[:, 2, 0] += 0.05
    middles = [
        fit_hull(region, points, np.ones(2))[0, :, 0].mean() for points in (straight, turned)
    ]
    depth = np.array(REGIONS[region])[:, 2].mean()
    assert middles[0] == pytest.approx(0.5)
    assert np.sign(middles[1] - 0.5) == np.sign(depth)


def test_aligned_places_undo_turn_and_size() -> None:
    angle = 0.4
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    points = (TEMPLATE - 0.5) @ turn.T * 60 + 64
    aligned, _ = aligned_coordinates(points[None], SIDE, 32)
    assert np.allclose(aligned, TEMPLATE)


def test_the_paper_alters_the_surroundings_too() -> None:
    config = SelfBlendConfig(target_share=1.0, ratios=(1.0,))
    crops = textured()
    swap = self_blend(crops, still_points(), rng=np.random.default_rng(0), config=config)
    assert (swap.pixels != crops)[~swap.mask].any()


def test_a_copy_that_is_not_altered_changes_nothing() -> None:
    config = SelfBlendConfig(
        colour_probability=0, downscale=(1, 1), sharpening=(0, 0), shift=(0, 0), scale=(1, 1),
        tremble=0,
    )  # fmt: skip
    crops = textured()
    swap = self_blend(crops, still_points(), rng=np.random.default_rng(0), config=config)
    assert np.abs(swap.pixels.astype(int) - crops).max() <= 1


@pytest.mark.parametrize("name", FACE_METHODS)
def test_a_face_of_the_studio_is_forged_on_the_face(name: str) -> None:
    take, _ = talking_head(4, 8)
    swap = forge_face(take.pixels, take.landmarks, rng=np.random.default_rng(6), methods=[name])
    changed = np.abs(take.pixels.astype(int) - swap.pixels).max(axis=3) > 0
    assert changed.any(axis=(1, 2)).all()
    for points, mask in zip(take.landmarks, swap.mask, strict=True):
        rows, columns = np.nonzero(mask)
        low, high = points.min(axis=0), points.max(axis=0)
        size = np.ptp(points, axis=0).max()
        middle = np.array([columns.mean(), rows.mean()])
        assert (middle > low - 0.7 * size).all()
        assert (middle < high + 0.7 * size).all()


def test_a_borrowed_mouth_is_that_of_another_moment() -> None:
    """Each frame has a grey of its own between bright lips and skin; colours are not what moves."""
    crops = np.full((3, SIDE, SIDE, 3), 120, np.uint8)
    rows = LANDMARKS[3:, 1].mean().astype(int)
    for index, frame in enumerate(crops):
        frame[rows - 8 : rows + 8, 58 + 4 * index : 62 + 4 * index] = 240
    swap = temporal_mouth(crops, still_points(3), rng=np.random.default_rng(1))
    column = [frame[rows].mean(axis=1).argmax() for frame in swap.pixels]
    assert all(abs(found - (60 + 4 * index)) > 1.5 for index, found in enumerate(column))


def test_one_picture_stands_in_all_frames() -> None:
    coarse = np.random.default_rng(1).integers(40, 215, (COUNT, 16, 16, 3), dtype=np.uint8)
    crops = coarse.repeat(8, axis=1).repeat(8, axis=2)
    swap = one_shot(crops, still_points(), rng=np.random.default_rng(1))
    core = binary_erosion(swap.mask.all(axis=0), iterations=12)
    off = ~np.eye(COUNT, dtype=bool)
    before, after = (np.corrcoef(f[:, core].reshape(COUNT, -1))[off] for f in (crops, swap.pixels))
    assert before.max() < 0.3
    assert after.min() > 0.5


def test_bottlenecks_lose_the_finest_detail() -> None:
    planes = torch.from_numpy(textured(2).astype(np.float32)).permute(0, 3, 1, 2)
    for step in (upsampling_layers, latent_blocks):
        made = step(np.random.default_rng(0), SIDE)(planes)
        assert made.shape == planes.shape
        assert made.mean() == pytest.approx(float(planes.mean()), abs=3)
        assert made.std() < 0.8 * planes.std()
    made = likely_texture(np.random.default_rng(0), SIDE)(planes)
    assert float(((made - planes).square().mean()).sqrt()) > 5


def test_one_method_is_drawn_from_those_asked_for() -> None:
    crops, points = textured(), still_points()
    swap = forge_face(crops, points, rng=np.random.default_rng(0), methods=["self_blend_mouth"])
    assert np.nonzero(swap.mask)[1].min() > LANDMARKS[2, 1] - 10
    assert forge_face(crops, points, rng=np.random.default_rng(0)).mask.any()
    with pytest.raises(ConfigError, match="did you mean 'self_blend'"):
        forge_face(crops, points, rng=np.random.default_rng(0), methods=["selfblend"])
    with pytest.raises(ConfigError, match="at least one"):
        forge_face(crops, points, rng=np.random.default_rng(0), methods=[])


def test_wrong_shapes_are_named() -> None:
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="crops must be uint8"):
        forge_face(textured().astype(float), still_points(), rng=rng)
    with pytest.raises(ValueError, match="square"):
        forge_face(textured()[:, :100], still_points(), rng=rng)
    with pytest.raises(ValueError, match="landmarks must be"):
        forge_face(textured(), still_points(3), rng=rng)
