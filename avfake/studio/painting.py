"""A painted head: the still part, lit once, and the eyes and the mouth that move."""

import numpy as np

from avfake.studio.person import Identity
from avfake.studio.scene import (
    EXTENT,
    PX_PER_UNIT,
    Light,
    U,
    V,
    bump,
    cover,
    ellipse,
    paint,
    smooth_noise,
)

SIDES = (-1, 1)


def paint_portrait(identity: Identity, light: Light) -> tuple[np.ndarray, np.ndarray]:
    """Return colours [S, S, 3] in 0..255 and coverage [S, S] of a head without eyes and mouth."""
    rng = np.random.default_rng(identity.texture_seed)
    outline = _face_outline(identity)
    shade = _shade(identity, light)
    strands = 0.6 * smooth_noise(rng, U.shape, (7, 70)) + 0.4 * smooth_noise(rng, U.shape, (50, 90))
    hair = identity.hair * (0.85 + 0.16 * strands + 0.25 * (shade - 0.7))[..., None]

    skin = _skin(identity, rng)
    # Not black: the soft edges of the head must not darken towards what lies beneath.
    canvas = (hair if identity.hair_style != "bald" else skin).astype(np.float32)
    back = _back_hair(identity)
    paint(canvas, hair * 0.7, back)
    middles = [(side * identity.face_width * 0.99, 0.02) for side in SIDES]
    ears = np.maximum(*(cover(ellipse(U, V, middle, (0.11, 0.23))) for middle in middles))
    paint(canvas, skin * (0.8 * shade)[..., None], ears)
    face = cover(outline)
    paint(canvas, skin * shade[..., None], face)
    _paint_lines(identity, canvas)
    paint(canvas, identity.hair * 0.75, face * _beard(identity, rng))
    front = _front_hair(identity, outline, rng)
    paint(canvas, hair, front)
    return np.clip(canvas, 0, 255), np.maximum.reduce([back, ears, face, front])


def _face_outline(identity: Identity) -> np.ndarray:
    """Return the signed distance to the outline of the face."""
    down = np.maximum(V, 0)
    power = 2 + (identity.jaw - 2) * np.clip(down * 2, 0, 1)
    width = identity.face_width * (1 - 0.1 * down)
    radius = ((np.abs(U) / width) ** power + np.abs(V) ** power) ** (1 / power)
    return (radius - 1) * identity.face_width


def _shade(identity: Identity, light: Light) -> np.ndarray:
    """Return how much light each point of the head reflects, about 0.3 to 1.3."""
    radius = (U / (identity.face_width * 1.08)) ** 2 + (V / 1.12) ** 2
    height = 0.75 * np.sqrt(np.maximum(1 - radius, 0.03))
    tip, level = identity.nose_tip, identity.eye_level
    height += 0.16 * bump(U, V, (0, tip - 0.04), (identity.nose_width, 0.13))
    height += 0.09 * bump(U, V, (0, tip - 0.24), (0.07, 0.26))
    for side in SIDES:
        eye, wing = side * identity.eye_spacing, side * identity.nose_width * 0.8
        height -= 0.07 * bump(U, V, (eye, level), (0.22, 0.13))
        height += 0.04 * bump(U, V, (eye, level + identity.brow_level), (0.26, 0.08))
        height += 0.03 * bump(U, V, (side * 0.42, 0.22), (0.2, 0.2))
        height += 0.03 * bump(U, V, (wing, tip + 0.02), (0.05, 0.05))
    height += 0.05 * bump(U, V, (0, 0.83), (0.2, 0.12))
    slope_v, slope_u = np.gradient(height, V[1, 0] - V[0, 0])
    length = np.sqrt(slope_u**2 + slope_v**2 + 1)
    x, y, z = light.direction.tolist()
    facing = np.maximum((-slope_u * x - slope_v * y + z) / length, 0)
    return light.ambient + (1.15 - light.ambient) * facing + 0.12 * facing**12


def _skin(identity: Identity, rng: np.random.Generator) -> np.ndarray:
    """Return the colours of the skin without light [S, S, 3]."""
    blotches = 0.04 * smooth_noise(rng, U.shape, (12, 12))
    pores = 0.035 * identity.roughness * smooth_noise(rng, U.shape, (110, 110))
    skin = identity.skin.astype(np.float32) * (1 + blotches + pores)[..., None]
    flush = sum(bump(U, V, (side * 0.42, 0.2), (0.22, 0.2)) for side in SIDES)
    flush = flush + bump(U, V, (0, identity.nose_tip), (0.14, 0.12))
    skin *= 1 + flush[..., None] * np.array([0.03, -0.07, -0.06])
    spots = rng.normal((0, 0.12), (0.34, 0.2), (identity.freckles, 2))
    for spot, size in zip(spots, rng.uniform(0.012, 0.025, len(spots)), strict=True):
        skin *= 1 - 0.28 * bump(U, V, spot, (size, size))[..., None]
    return skin


def _paint_lines(identity: Identity, canvas: np.ndarray) -> None:
    """Paint brows, nostrils, the folds from nose to mouth, the shadow under the lip."""
    dark, tip = identity.skin * 0.45, identity.nose_tip
    for side in SIDES:
        across = side * U - identity.eye_spacing
        arch = identity.eye_level + identity.brow_level - identity.brow_tilt * across
        arch = arch + 1.6 * across**2
        thickness = identity.brow_thickness * (1.15 - np.clip(across + 0.2, 0, 0.5))
        brow = cover(np.maximum(np.abs(V - arch) - thickness, np.abs(across) - 0.2), 0.05)
        paint(canvas, identity.hair * 0.55, 0.85 * brow)
        nostril = (side * identity.nose_width * 0.5, tip + 0.055)
        paint(canvas, dark * 0.6, 0.8 * cover(ellipse(U, V, nostril, (0.038, 0.02)), 0.03))
        fold = np.abs(side * U - 0.2 - 0.35 * (V - tip))
        paint(
            canvas, dark, 0.18 * cover(fold - 0.012, 0.04) * (tip < V) * (identity.mouth_level > V)
        )
    under_nose = bump(U, V, (0, tip + 0.09), (identity.nose_width, 0.035))
    under_lip = bump(U, V, (0, identity.mouth_level + 0.15), (0.16, 0.04))
    paint(canvas, dark, 0.35 * under_nose + 0.25 * under_lip)


def _beard(identity: Identity, rng: np.random.Generator) -> np.ndarray:
    """Return how thick the beard is at each point of the face."""
    if identity.beard == "none":
        return np.zeros_like(U)
    ring = np.hypot(U / 1.05, (V - 0.35) / 0.75)
    region = cover(0.55 + 0.28 * np.abs(U) - ring, 0.25) * cover(0.26 - V, 0.2)
    grain = 0.75 + 0.25 * smooth_noise(rng, U.shape, (100, 120))
    return np.clip((0.85 if identity.beard == "full" else 0.35) * region * grain, 0, 1)


def _back_hair(identity: Identity) -> np.ndarray:
    """Return the cover of the hair behind the face."""
    length = {"long": 1.7, "bob": 0.75}.get(identity.hair_style)
    if length is None:
        return np.zeros_like(U)
    across, width = np.abs(U), identity.face_width
    radius = ((across / (width + 0.26)) ** 3 + np.abs((V + 0.1) / 1.25) ** 3) ** (1 / 3)
    sides = np.maximum(across - width - 0.2 - 0.05 * np.sin(4 * V), -V - 0.1)
    return cover(np.maximum(np.minimum(radius - 1, sides), V - length), 0.06)


def _front_hair(identity: Identity, outline: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the cover of the hair on the skull and the forehead."""
    style = identity.hair_style
    if style == "bald":
        return np.zeros_like(U)
    skull = (
        outline - {"short": 0.08, "parted": 0.16, "curly": 0.28, "long": 0.14, "bob": 0.16}[style]
    )
    if style == "curly":
        skull = skull + 0.05 * smooth_noise(rng, U.shape, (26, 26))
    line = identity.hairline + 0.55 * (U / identity.face_width) ** 4
    if style == "parted":
        line = line + 0.3 * np.abs(U - 0.25) - 0.05
    if style == "bob":
        line = line + 0.16
    line = line + 0.02 * smooth_noise(rng, U.shape, (4, 60))
    return cover(np.maximum(skull, V - line), 0.05)


Window = tuple[slice, slice]
"""Rows and columns of the head's square."""


def _window(left: float, top: float, right: float, bottom: float) -> Window:
    """Return the rows and columns that hold a box given in face units."""

    def pixel(unit: float) -> int:
        return round((unit + EXTENT) * PX_PER_UNIT)

    return slice(pixel(top), pixel(bottom)), slice(pixel(left), pixel(right))


def paint_eyes(
    portrait: np.ndarray, identity: Identity, *, openness: float, gaze: float, brightness: float
) -> tuple[Window, np.ndarray]:
    """Paint the eyes (and glasses), lids open by `openness` in [0, 1], turned by `gaze`.

    Return their window and the picture in it [h, w, 3].
    """
    where = _window(-0.72, identity.eye_level - 0.22, 0.72, identity.eye_level + 0.22)
    u, v, patch = U[where], V[where], portrait[where].copy()
    height, size = identity.eye_height, identity.eye_height * 0.92
    down = v - identity.eye_level
    for side in SIDES:
        middle = side * identity.eye_spacing
        across = (u - middle) / identity.eye_width
        arc = np.maximum(1 - across**2, 0)
        # The upper lid does most of the moving, as in life.
        lid = -(height * openness) * arc + (1 - openness) * 0.3 * height
        floor = 0.7 * height * arc * (0.45 + 0.55 * openness)
        inside = cover(np.maximum.reduce([lid - down, down - floor, np.abs(across) - 1]), 0.02)
        inside = inside * min(1.0, openness * 4)
        paint(patch, np.array([236, 232, 228]) * brightness, inside)
        centre = (middle + gaze * 0.05, identity.eye_level - 0.005)
        glint = (centre[0] + 0.02, centre[1] - 0.025)
        for colour, at, radius, strength in (
            (identity.iris * brightness, centre, size, 1),
            (np.full(3, 12), centre, size / 2.2, 1),
            (np.full(3, 250), glint, 0.016, 0.9),
        ):
            disc = cover(ellipse(u, v, at, (radius, radius)), 0.02)
            paint(patch, colour, strength * disc * inside)
        lash = np.maximum(np.abs(down - lid) - 0.012, np.abs(across) - 1.05)
        crease = np.maximum(np.abs(down - lid + 0.055) - 0.006, np.abs(across) - 0.9)
        paint(patch, identity.skin * 0.3, 0.85 * cover(lash, 0.025))
        paint(patch, identity.skin * 0.3, 0.3 * cover(crease, 0.03))
    if identity.has_glasses:
        _paint_glasses(patch, identity, u, v)
    return where, patch


def _paint_glasses(patch: np.ndarray, identity: Identity, u: np.ndarray, v: np.ndarray) -> None:
    level, middle = identity.eye_level + 0.02, identity.eye_spacing
    lenses = [ellipse(u, v, (side * middle, level), (0.235, 0.185)) for side in SIDES]
    bridge = np.maximum(np.abs(v - level + 0.03), np.abs(u) - (middle - 0.22))
    arms = np.maximum(np.abs(v - level + 0.05), middle + 0.235 - np.abs(u))
    frame = np.minimum.reduce([*np.abs(lenses), bridge, arms])
    paint(patch, np.array([26, 22, 24]), 0.9 * cover(frame - 0.014, 0.02))


def paint_mouth(
    portrait: np.ndarray, identity: Identity, *, opening: float, brightness: float
) -> tuple[Window, np.ndarray]:
    """Paint the mouth with the jaw open by `opening` in [0, 1].

    Return its window, at its widest, and the picture in it [h, w, 3].
    """
    where = _window(-0.42, identity.mouth_level - 0.16, 0.42, identity.mouth_level + 0.36)
    u, v, patch = U[where], V[where], portrait[where].copy()
    width, lip = identity.mouth_width * (1 - 0.14 * opening), identity.lip_thickness
    across = u / width
    arc = np.maximum(1 - across**2, 0)
    down, beside = v - identity.mouth_level, np.abs(across) - 1
    gap_top, gap_bottom = -0.045 * opening * arc, 0.2 * opening * arc
    bow = 1 - 0.3 * np.exp(-((u / 0.05) ** 2))
    lip_top = gap_top - lip * bow * arc**0.7
    lip_bottom = gap_bottom + 1.25 * lip * arc**0.8
    lips = cover(np.maximum.reduce([lip_top - down, down - lip_bottom, beside]), 0.025)
    colour = identity.lips * brightness
    light = 1 + 0.16 * np.exp(-(((down - gap_bottom - 0.6 * lip) / 0.03) ** 2))
    paint(patch, colour * (light - 0.12 * (down < gap_top))[..., None], 0.9 * lips)
    hole = cover(np.maximum.reduce([gap_top - down, down - gap_bottom, beside]), 0.02)
    seam = cover(np.maximum(np.abs(down) - 0.008, np.abs(across) - 0.98), 0.02)
    paint(patch, colour * 0.4, seam * (1 - hole))
    hole = hole * min(1.0, opening * 8)
    tongue = ellipse(u, v, (0, identity.mouth_level + 0.19 * opening), (width * 0.6, 0.06))
    teeth = np.maximum(down - gap_top - 0.045, np.abs(across) - 0.75)
    paint(patch, np.array([58, 20, 20]) * brightness, hole)
    paint(patch, np.array([150, 70, 68]) * brightness, 0.8 * cover(tongue, 0.05) * hole)
    paint(patch, np.array([226, 220, 206]) * brightness, 0.9 * cover(teeth, 0.025) * hole)
    return where, patch
