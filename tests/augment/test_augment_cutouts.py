"""Cut-outs lie on the face, and never hide what was forged."""

from dataclasses import replace

import numpy as np
import pytest
from augment_samples import SIDE, blocks, sample_of

from avfake.augment.picture.cutouts import (
    changed_pixels,
    half_face_cutout,
    landmark_cutout,
)
from avfake.augment.presets import PICTURE
from avfake.clips.dataset import TrainingSample
from avfake.labels import Labels


def black(sample: TrainingSample) -> np.ndarray:
    return (sample.faces == 0).all(axis=3)


def bright() -> TrainingSample:
    return sample_of(np.full((2, SIDE, SIDE, 3), 200, np.uint8))


def forged_in(rows: slice, columns: slice) -> TrainingSample:
    faces = blocks()
    forged = faces.copy()
    noise = np.random.default_rng(0).integers(0, 255, forged[:, rows, columns].shape)
    forged[:, rows, columns] = noise
    return replace(sample_of(forged, fake=True), partner=faces)


@pytest.mark.parametrize(
    ("part", "hidden", "seen"),
    [("eyes", (0, 1), (2, 3, 4)), ("mouth", (3, 4), (0, 1, 2)), ("nose", (2,), (0, 1, 3, 4))],
)
def test_a_part_goes_and_the_others_stay(part, hidden, seen) -> None:
    cut = landmark_cutout(bright(), part)
    for frame in (0, 1):
        for point, (x, y) in enumerate(cut.landmarks[frame].astype(int)):
            assert black(cut)[frame, y, x] == (point in hidden), point
    assert set(hidden) | set(seen) == set(range(5))


def test_a_part_is_cut_where_the_face_is_in_each_frame() -> None:
    sample = bright()
    landmarks = sample.landmarks.copy()
    landmarks[1] += [0, 20]
    cut = landmark_cutout(replace(sample, landmarks=landmarks), "eyes")
    middles = [np.nonzero(mask)[0].mean() for mask in black(cut)]
    assert middles[1] - middles[0] == pytest.approx(20, abs=0.5)


def test_parts_are_drawn_as_the_winner_drew_them() -> None:
    sample, rng = bright(), np.random.default_rng(0)
    (transform,) = PICTURE["landmark_cutout"]
    drawn = [transform.parameters(sample, rng)["part"] for _ in range(4000)]
    shares = {part: drawn.count(part) / 4000 for part in ("eyes", "mouth", "nose", "nothing")}
    assert shares == pytest.approx(
        {"eyes": 0.5, "mouth": 0.25, "nose": 0.125, "nothing": 0.125}, abs=0.03
    )


def test_half_a_face_is_half_of_it() -> None:
    areas = {}
    for side in ("top", "bottom", "left", "right"):
        mask = black(half_face_cutout(bright(), side))[0]
        areas[side] = mask.sum()
        rows, columns = np.nonzero(mask)
        centre = {"top": rows, "bottom": rows, "left": columns, "right": columns}[
            side
        ].mean() / SIDE
        assert (centre < 0.54) == (side in ("top", "left"))
    assert areas["top"] == pytest.approx(areas["bottom"], rel=0.1)
    assert areas["left"] == pytest.approx(areas["right"], rel=0.1)
    whole = sum(areas[side] for side in ("top", "bottom"))
    assert whole / SIDE**2 == pytest.approx(np.pi * 0.32 * 0.37, rel=0.06)


def test_the_change_map_shows_where_pixels_were_forged() -> None:
    changed = changed_pixels(forged_in(slice(20, 50), slice(40, 80)))
    assert changed is not None
    assert changed[:, 22:48, 42:78].mean() > 0.95
    assert not changed[:, 60:].any()
    assert changed_pixels(sample_of()) is None


@pytest.mark.parametrize("name", ["bitmap_cutout", "half_face_cutout"])
def test_a_fake_always_still_shows_forged_pixels(name: str) -> None:
    (transform,) = PICTURE[name]
    sample = forged_in(slice(34, 48), slice(32, 46))  # the left eye only
    changed = changed_pixels(sample)
    kinds = set()
    for seed in range(60):
        params = transform.parameters(sample, np.random.default_rng(seed))
        if params is not None:
            kinds.add(params["half"])
            left = changed & ~black(transform.change(sample, **params))
            assert (left.sum(axis=(1, 2)) > 20).all()
    assert {"bottom", "right"} <= kinds
    assert not {"top", "left"} & kinds if name == "half_face_cutout" else True


def test_a_genuine_face_may_lose_any_half_but_a_fake_of_unknown_original_none() -> None:
    rng, (transform,) = np.random.default_rng(0), PICTURE["bitmap_cutout"]
    assert len({transform.parameters(sample_of(), rng)["half"] for _ in range(200)}) == 6
    assert transform.parameters(sample_of(fake=True), rng) is None
    unknown = replace(sample_of(), weights=Labels(1.0, 0.0, 0.0), labels=Labels(1.0, 0.0, 0.0))
    assert transform.parameters(unknown, rng) is None


def test_without_landmarks_nothing_is_cut_by_them() -> None:
    blind = replace(bright(), landmarks=np.zeros((2, 5, 2), np.float32))
    for name in ("landmark_cutout", "half_face_cutout"):
        assert PICTURE[name][0].but(1.0).draw(blind, np.random.default_rng(0)) is None
