"""The part of a head that does not move by itself: skin, hair, ears, nose, brows, lit once."""

import numpy as np

from avfake.studio.identity import Identity
from avfake.studio.scene import Light
from avfake.studio.shapes import bump, canonical_grid, cover, ellipse, paint, smooth_noise


def paint_portrait(identity: Identity, light: Light) -> tuple[np.ndarray, np.ndarray]:
    """Colours float32 [S, S, 3] in 0..255 and coverage [S, S] of a head without eyes and mouth."""
    rng = np.random.default_rng(identity.texture_seed)
    u, v = canonical_grid()
    outline = face_outline(identity, u, v)
    shade = _shade(identity, light, u, v)
    strands = 0.6 * smooth_noise(rng, u.shape, (7, 70)) + 0.4 * smooth_noise(rng, u.shape, (50, 90))
    hair = np.array(identity.hair) * (0.85 + 0.16 * strands + 0.25 * (shade - 0.7))[..., None]

    skin = _skin(identity, u, v, rng)
    # Not black: the soft edges of the head must not darken towards what lies beneath.
    canvas = (hair if identity.hair_style != "bald" else skin).astype(np.float32)
    back = _back_hair(identity, u, v)
    paint(canvas, hair * 0.7, back)
    ears = np.maximum(*(_ear(identity, u, v, side) for side in (-1, 1)))
    paint(canvas, skin * (0.8 * shade)[..., None], ears)
    face = cover(outline)
    paint(canvas, skin * shade[..., None], face)
    _paint_lines(identity, u, v, canvas)
    paint(canvas, np.array(identity.hair) * 0.75, face * _beard(identity, u, v, rng))
    front = _front_hair(identity, u, v, rng)
    paint(canvas, hair, front)
    return np.clip(canvas, 0, 255), np.maximum.reduce([back, ears, face, front])


def face_outline(identity: Identity, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Signed distance to the outline of the face."""
    down = np.maximum(v, 0)
    power = 2 + (identity.jaw - 2) * np.clip(down * 2, 0, 1)
    width = identity.face_width * (1 - 0.1 * down)
    radius = ((np.abs(u) / width) ** power + np.abs(v) ** power) ** (1 / power)
    return (radius - 1) * identity.face_width


def _shade(identity: Identity, light: Light, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """How much light each point of the head throws back, about 0.3 to 1.3."""
    radius = (u / (identity.face_width * 1.08)) ** 2 + (v / 1.12) ** 2
    height = 0.75 * np.sqrt(np.maximum(1 - radius, 0.03))
    tip = identity.nose_tip
    height += 0.16 * bump(u, v, (0, tip - 0.04), (identity.nose_width, 0.13))
    height += 0.09 * bump(u, v, (0, tip - 0.24), (0.07, 0.26))
    for side in (-1, 1):
        eye = (side * identity.eye_spacing, identity.eye_level)
        height -= 0.07 * bump(u, v, eye, (0.22, 0.13))
        height += 0.04 * bump(u, v, (eye[0], eye[1] + identity.brow_level), (0.26, 0.08))
        height += 0.03 * bump(u, v, (side * 0.42, 0.22), (0.2, 0.2))
        height += 0.03 * bump(u, v, (side * identity.nose_width * 0.8, tip + 0.02), (0.05, 0.05))
    height += 0.05 * bump(u, v, (0, 0.83), (0.2, 0.12))
    slope_v, slope_u = np.gradient(height, v[1, 0] - v[0, 0])
    length = np.sqrt(slope_u**2 + slope_v**2 + 1)
    x, y, z = light.direction
    facing = np.maximum((-slope_u * x - slope_v * y + z) / length, 0)
    return light.ambient + (1.15 - light.ambient) * facing + 0.12 * facing**12


def _skin(identity: Identity, u: np.ndarray, v: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Unlit skin colours [S, S, 3]."""
    blotches = 0.04 * smooth_noise(rng, u.shape, (12, 12))
    pores = 0.035 * identity.roughness * smooth_noise(rng, u.shape, (110, 110))
    skin = np.array(identity.skin, np.float32) * (1 + blotches + pores)[..., None]
    flush = sum(bump(u, v, (side * 0.42, 0.2), (0.22, 0.2)) for side in (-1, 1))
    flush = flush + bump(u, v, (0, identity.nose_tip), (0.14, 0.12))
    skin *= 1 + flush[..., None] * np.array([0.03, -0.07, -0.06])
    spots = rng.normal((0, 0.12), (0.34, 0.2), (identity.freckles, 2))
    for spot, size in zip(spots, rng.uniform(0.012, 0.025, len(spots)), strict=True):
        skin *= 1 - 0.28 * bump(u, v, (spot[0], spot[1]), (size, size))[..., None]
    return skin


def _ear(identity: Identity, u: np.ndarray, v: np.ndarray, side: int) -> np.ndarray:
    return cover(ellipse(u, v, (side * identity.face_width * 0.99, 0.02), (0.11, 0.23)))


def _paint_lines(identity: Identity, u: np.ndarray, v: np.ndarray, canvas: np.ndarray) -> None:
    """Brows, nostrils, the folds from nose to mouth, the shadow under the lip."""
    dark = np.array(identity.skin) * 0.45
    for side in (-1, 1):
        across = side * u - identity.eye_spacing
        arch = identity.eye_level + identity.brow_level - identity.brow_tilt * across
        arch = arch + 1.6 * across**2
        thickness = identity.brow_thickness * (1.15 - np.clip(across + 0.2, 0, 0.5))
        brow = cover(np.maximum(np.abs(v - arch) - thickness, np.abs(across) - 0.2), 0.05)
        paint(canvas, np.array(identity.hair) * 0.55, 0.85 * brow)
        nostril = (side * identity.nose_width * 0.5, identity.nose_tip + 0.055)
        paint(canvas, dark * 0.6, 0.8 * cover(ellipse(u, v, nostril, (0.038, 0.02)), 0.03))
        fold = np.abs(side * u - 0.2 - 0.35 * (v - identity.nose_tip))
        span = (v > identity.nose_tip) & (v < identity.mouth_level)
        paint(canvas, dark, 0.18 * cover(fold - 0.012, 0.04) * span)
    under_nose = bump(u, v, (0, identity.nose_tip + 0.09), (identity.nose_width, 0.035))
    under_lip = bump(u, v, (0, identity.mouth_level + 0.15), (0.16, 0.04))
    paint(canvas, dark, 0.35 * under_nose + 0.25 * under_lip)


def _beard(
    identity: Identity, u: np.ndarray, v: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """How thick the beard is at each point of the face."""
    if identity.beard == "none":
        return np.zeros_like(u)
    ring = np.hypot(u / 1.05, (v - 0.35) / 0.75)
    region = cover(0.55 + 0.28 * np.abs(u) - ring, 0.25) * cover(0.26 - v, 0.2)
    grain = 0.75 + 0.25 * smooth_noise(rng, u.shape, (100, 120))
    strength = 0.85 if identity.beard == "full" else 0.35
    return np.clip(strength * region * grain, 0, 1)


def _back_hair(identity: Identity, u: np.ndarray, v: np.ndarray) -> np.ndarray:
    """What hangs behind the face."""
    length = {"long": 1.7, "bob": 0.75}.get(identity.hair_style)
    if length is None:
        return np.zeros_like(u)
    radius = ((np.abs(u) / (identity.face_width + 0.26)) ** 3 + np.abs((v + 0.1) / 1.25) ** 3) ** (
        1 / 3
    )
    sides = np.maximum(np.abs(u) - identity.face_width - 0.2 - 0.05 * np.sin(4 * v), -v - 0.1)
    shape = np.minimum(radius - 1, sides)
    return cover(np.maximum(shape, v - length), 0.06)


def _front_hair(
    identity: Identity, u: np.ndarray, v: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """What lies on the skull and the forehead."""
    style = identity.hair_style
    if style == "bald":
        return np.zeros_like(u)
    thickness = {"short": 0.08, "parted": 0.16, "curly": 0.28, "long": 0.14, "bob": 0.16}[style]
    skull = face_outline(identity, u, v) - thickness
    if style == "curly":
        skull = skull + 0.05 * smooth_noise(rng, u.shape, (26, 26))
    line = identity.hairline + 0.55 * (u / identity.face_width) ** 4
    if style == "parted":
        line = line + 0.3 * np.abs(u - 0.25) - 0.05
    if style == "bob":
        line = line + 0.16
    line = line + 0.02 * smooth_noise(rng, u.shape, (4, 60))
    return cover(np.maximum(skull, v - line), 0.05)
