"""Pictures whose change is known beforehand."""

from dataclasses import replace

import numpy as np
import pytest
from augment_samples import POINTS, SIDE, blocks, drawn, sample_of

from avfake.augment.picture.codecs import jpeg
from avfake.augment.picture.cutouts import random_erasing
from avfake.augment.picture.geometry import BICUBIC, BOX, rescale, shift_scale_rotate
from avfake.augment.picture.pixels import (
    LUMA,
    blur,
    brightness_contrast,
    fancy_pca,
    gamma,
    gaussian_noise,
    grey,
    hue_saturation,
    moire,
    sharpen,
)
from avfake.augment.presets import PICTURE

IDENTITY = [
    (brightness_contrast, {"contrast": 0.0, "brightness": 0.0}),
    (gamma, {"exponent": 1.0}),
    (fancy_pca, {"shift": (0.0, 0.0, 0.0)}),
    (hue_saturation, {"degrees": 0.0, "saturation": 0.0, "value": 0.0}),
    (gaussian_noise, {"variance": 0.0, "seed": 5}),
    (blur, {"deviation_px": 0.0}),
    (sharpen, {"amount": 0.0}),
    (rescale, {"share": 1.0, "methods": (BOX, BICUBIC)}),
    (shift_scale_rotate, {"right": 0.0, "down": 0.0, "turn_degrees": 0.0, "scale": 1.0}),
    (moire, {"waves": ((3.0, 4.0),) * 3, "depth": 0.0}),
    (random_erasing, {"box": (5, 5, 5, 5)}),
]


@pytest.mark.parametrize(
    ("change", "params"), IDENTITY, ids=lambda one: getattr(one, "__name__", "")
)
def test_parameters_that_say_nothing_change_nothing(change, params) -> None:
    sample = sample_of()
    made = change(sample, **params)
    assert np.array_equal(made.faces, sample.faces)
    assert np.allclose(made.landmarks, sample.landmarks, atol=1e-4)


def marked() -> np.ndarray:
    """Black, frame i with a white disc on landmark i."""
    faces = np.zeros((5, SIDE, SIDE, 3), np.uint8)
    rows, columns = np.mgrid[:SIDE, :SIDE] + 0.5
    for face, (x, y) in zip(faces, POINTS * SIDE, strict=True):
        face[np.hypot(columns - x, rows - y) < 3.5] = 255
    return faces


def centre_of(face: np.ndarray) -> np.ndarray:
    """x, y of the disc, by its mass."""
    mass = face[..., 0].astype(float)
    places = np.mgrid[:SIDE, :SIDE][::-1] + 0.5
    return (places * mass).sum(axis=(1, 2)) / mass.sum()


@pytest.mark.parametrize(
    "params",
    [
        {"right": 0.1, "down": -0.05, "turn_degrees": 0.0, "scale": 1.0},
        {"right": 0.0, "down": 0.0, "turn_degrees": 10.0, "scale": 1.0},
        {"right": -0.02, "down": 0.06, "turn_degrees": -8.0, "scale": 1.15},
    ],
    ids=["shift", "turn", "all"],
)
def test_landmarks_move_with_the_marks_under_them(params: dict) -> None:
    moved = shift_scale_rotate(sample_of(marked()), **params)
    for point in range(5):
        assert np.allclose(centre_of(moved.faces[point]), moved.landmarks[point, point], atol=0.35)


def test_a_mirror_swaps_left_and_right() -> None:
    sample = sample_of(marked())
    (flip,) = PICTURE["flip"]
    flipped = drawn(flip, sample)
    for point, other in enumerate((1, 0, 2, 4, 3)):  # what was the right eye is now the left one
        found = centre_of(flipped.faces[point])
        assert np.allclose(found, flipped.landmarks[point, other], atol=0.2)
    assert np.all(flipped.landmarks[:, 0, 0] < flipped.landmarks[:, 1, 0])
    back = drawn(flip, flipped)
    assert np.array_equal(back.faces, sample.faces)
    assert np.allclose(back.landmarks, sample.landmarks, atol=1e-4)


@pytest.mark.parametrize(
    "name",
    ["flip", "shift_scale_rotate", "brightness_contrast", "hue_saturation", "fancy_pca", "gamma",
     "moire", "random_erasing", "rescale", "jpeg"],
)  # fmt: skip
def test_every_frame_and_the_partner_get_the_same(name: str) -> None:
    (transform,) = PICTURE[name]
    still = np.repeat(blocks(1), 4, axis=0)
    made = drawn(transform, replace(sample_of(still), partner=still), seed=2)
    assert all(np.array_equal(face, made.faces[0]) for face in made.faces)
    assert np.array_equal(made.partner, made.faces)
    assert not np.array_equal(made.faces, still)


def test_noise_has_the_drawn_power_and_differs_between_frames() -> None:
    plain = sample_of(np.full((2, SIDE, SIDE, 3), 128, np.uint8))
    noisy = gaussian_noise(plain, variance=36.0, seed=1).faces.astype(float)
    assert noisy.std() == pytest.approx(6, rel=0.03)
    assert noisy.mean() == pytest.approx(128, abs=0.2)
    assert abs(np.corrcoef(noisy[0].ravel(), noisy[1].ravel())[0, 1]) < 0.05


def test_jpeg_costs_little_at_100_and_more_below() -> None:
    sample = sample_of()
    errors = [
        np.abs(jpeg(sample, quality).faces.astype(int) - sample.faces).mean()
        for quality in (100, 60, 8)
    ]
    assert errors[0] < 1.0
    assert errors[0] < errors[1] < errors[2]


def test_brightness_contrast_and_gamma_map_levels_as_said() -> None:
    sample = sample_of(np.full((1, 8, 8, 3), 100, np.uint8))
    assert brightness_contrast(sample, 0.5, 0.1).faces[0, 0, 0, 0] == 176  # 150 + 25.5
    assert brightness_contrast(sample, 1.0, 0.5).faces.max() == 255
    assert gamma(sample, 2.0).faces[0, 0, 0, 0] == round(100**2 / 255)


def test_hue_turns_red_away_and_back_and_keeps_grey() -> None:
    red, plain = np.zeros((1, 8, 8, 3), np.uint8), np.full((1, 8, 8, 3), 90, np.uint8)
    red[..., 0], red[..., 1:] = 130, 90
    turned = hue_saturation(sample_of(red), 120.0, 0.0, 0.0).faces[0, 0, 0]
    assert turned.argmax() != 0
    assert turned @ LUMA == pytest.approx(red[0, 0, 0] @ LUMA, abs=1.5)
    assert np.array_equal(hue_saturation(sample_of(plain), 77.0, 0.3, 0.0).faces, plain)
    pale = hue_saturation(sample_of(red), 0.0, -1.0, 0.0).faces
    assert np.array_equal(pale, grey(sample_of(red)).faces)


def test_fancy_pca_shifts_along_the_one_direction_in_which_colours_vary() -> None:
    levels = np.random.default_rng(0).integers(60, 180, (2, SIDE, SIDE, 1))
    ramp = (levels * np.array([1.0, 0.5, 0.0])).astype(np.uint8)
    transform = PICTURE["fancy_pca"][0].but(deviation=0.5)
    params = transform.parameters(sample_of(ramp), np.random.default_rng(1))
    shift = np.array(params["shift"])
    assert shift[1] / shift[0] == pytest.approx(0.5, abs=0.02)
    assert abs(shift[2]) < 1e-6 < abs(shift[0])


def test_blur_and_sharpening_move_an_edge_apart_and_together() -> None:
    edge = np.full((1, 32, 32, 3), 100, np.uint8)
    edge[:, :, 16:] = 150
    blurred = blur(sample_of(edge), 0.8).faces.astype(int)
    sharp = sharpen(sample_of(edge), 1.0).faces.astype(int)
    step = [int(np.diff(one[0, 16, :, 0]).max()) for one in (edge.astype(int), blurred, sharp)]
    assert step[1] < step[0] < step[2]
    assert np.array_equal(blurred[:, :, :10], edge[:, :, :10])


def test_scaling_down_loses_the_fine_and_keeps_the_mean() -> None:
    fine = np.zeros((1, 64, 64, 3), np.uint8)
    fine[:, ::2] = 200
    scaled = rescale(sample_of(fine), 0.5, (BOX, BICUBIC)).faces
    assert np.all(np.abs(scaled.astype(int) - 100) <= 1)
    downscale = PICTURE["downscale"][0].but(share=(0.5, 0.5))
    halved = drawn(downscale, sample_of(blocks(1, 64))).faces
    assert np.array_equal(halved[:, ::2, ::2], halved[:, 1::2, 1::2])


def test_erasing_takes_one_rectangle_of_the_allowed_area() -> None:
    bright = sample_of(np.full((2, 100, 100, 3), 200, np.uint8))
    erasing = PICTURE["random_erasing"][0].but(area=(0.1, 0.2))
    for seed in range(20):
        erased = drawn(erasing, bright, seed).faces[0, :, :, 0] == 0
        rows, columns = np.nonzero(erased)
        assert erased.sum() == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)
        assert 0.09 < erased.mean() < 0.21


def test_moire_has_the_drawn_number_of_waves() -> None:
    flat = sample_of(np.full((1, 128, 128, 3), 200, np.uint8))
    striped = moire(flat, ((12.0, 0.0),) * 3, 0.2).faces[0, :, :, 0]
    spectrum = np.abs(np.fft.rfft(striped[5] - striped[5].mean()))
    assert spectrum.argmax() == 12
    assert striped.max() == 200
    assert striped.min() == pytest.approx(160, abs=1)
