"""SSIM is the paper's, shifts are found, and a changed face shows against its surroundings."""

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from avfake.audit.labels.picture import brightness, compare_faces, find_shift, ssim

BOX = (60, 40, 120, 110)


def scene(seed: int = 0, count: int = 4) -> np.ndarray:
    """uint8 [T, 160, 200, 3]: soft random texture."""
    rng = np.random.default_rng(seed)
    noise = gaussian_filter(rng.normal(0, 1, (count, 160, 200, 3)), (0.5, 2, 2, 0))
    return (128 + 40 * noise / noise.std()).clip(0, 255).astype(np.uint8)


def boxes(count: int = 4) -> np.ndarray:
    return np.tile(np.array(BOX, float), (1, count, 1))


def forged(part: tuple[int, int, int, int] = BOX) -> np.ndarray:
    pixels = scene().copy()
    x0, y0, x1, y1 = part
    pixels[:, y0:y1, x0:x1] = scene(1)[:, y0:y1, x0:x1]
    return pixels


def test_ssim_is_one_for_equals_and_follows_the_formula() -> None:
    first, second = brightness(scene()), brightness(scene(1))
    assert torch.allclose(ssim(first, first), torch.ones(4, 160, 200), atol=1e-4)
    x, y = (z[0, 60:71, 90:101].double() for z in (first, second))
    taps = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    weights = torch.from_numpy(np.outer(taps, taps) / taps.sum() ** 2)
    mx, my = (weights * x).sum(), (weights * y).sum()
    vx, vy = (weights * (x - mx) ** 2).sum(), (weights * (y - my) ** 2).sum()
    cov = (weights * (x - mx) * (y - my)).sum()
    expected = (2 * mx * my + 1e-4) * (2 * cov + 9e-4)
    expected /= (mx**2 + my**2 + 1e-4) * (vx + vy + 9e-4)
    assert float(ssim(first, second)[0, 65, 95]) == pytest.approx(float(expected), abs=1e-4)


@pytest.mark.parametrize("shift", [(0, 0), (3, -2), (-5, 4)])
def test_shifts_are_found_and_undone(shift: tuple[int, int]) -> None:
    moved = np.roll(scene(), (shift[1], shift[0]), (1, 2))
    assert find_shift(brightness(moved), brightness(scene())) == shift
    found = compare_faces(moved, scene(), boxes())
    assert (found.changed, found.shift_px) == (False, shift)


def test_a_changed_face_and_a_changed_mouth_read_as_changed() -> None:
    whole, mouth = (compare_faces(forged(p), scene(), boxes()) for p in (BOX, (75, 85, 105, 105)))
    assert whole.changed is True
    assert mouth.changed is True
    assert whole.ssim_inside < mouth.ssim_inside < mouth.ssim_outside
    inside = np.zeros(whole.masks.shape, bool)
    inside[:, 45:105, 65:115] = True
    assert whole.masks.dtype == np.uint8
    assert whole.masks[inside].mean() > 100 > 1 > whole.masks[:, :30].mean()


def test_noise_everywhere_reads_as_unchanged() -> None:
    noise = np.random.default_rng(2).normal(0, 8, scene().shape)
    noisy = (scene() + noise).clip(0, 255).astype(np.uint8)
    found = compare_faces(noisy, scene(), boxes())
    assert found.changed is False
    assert found.ssim_outside < 0.99


def test_what_is_too_unlike_is_not_judged() -> None:
    cases = {
        "other_size": (scene()[:, :-2], boxes()),
        "no_face": (scene(), np.full((1, 4, 4), np.nan)),
        "other_picture": (scene(3), boxes()),
        "not_aligned": (np.roll(scene(), 30, 2), boxes()),
        "no_surroundings": (scene(), np.tile(np.array([0.0, 0, 200, 160]), (1, 4, 1))),
        "face_too_small": (scene(), np.tile(np.array([60.0, 40, 66, 46]), (1, 4, 1))),
    }
    for why, (fake, where) in cases.items():
        found = compare_faces(fake, scene(), where)
        assert (found.changed, found.why) == (None, why)
