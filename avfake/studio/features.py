"""The parts of a face that move by themselves: eyes that blink and look, a mouth that opens."""

import numpy as np

from avfake.studio.identity import Identity
from avfake.studio.shapes import EXTENT, PX_PER_UNIT, canonical_grid, cover, ellipse, paint

Window = tuple[slice, slice]
"""Rows and columns of the head's square."""


def window(left: float, top: float, right: float, bottom: float) -> Window:
    """The rows and columns that hold a box given in face units."""

    def pixel(place: float) -> int:
        return round((place + EXTENT) * PX_PER_UNIT)

    return slice(pixel(top), pixel(bottom)), slice(pixel(left), pixel(right))


def eye_window(identity: Identity) -> Window:
    """Where the eyes (and glasses) are."""
    level = identity.eye_level
    return window(-0.72, level - 0.22, 0.72, level + 0.22)


def mouth_window(identity: Identity) -> Window:
    """Where the mouth is, at its widest."""
    return window(-0.42, identity.mouth_level - 0.16, 0.42, identity.mouth_level + 0.36)


def paint_eyes(
    portrait: np.ndarray, identity: Identity, *, openness: float, gaze: float, brightness: float
) -> np.ndarray:
    """The eye window [h, w, 3] with lids open by `openness` in [0, 1], looking aside by `gaze`."""
    rows, columns = eye_window(identity)
    u, v = (axis[rows, columns] for axis in canonical_grid())
    patch = portrait[rows, columns].copy()
    dark = np.array(identity.skin) * 0.3
    for side in (-1, 1):
        across = (u - side * identity.eye_spacing) / identity.eye_width
        arc = np.maximum(1 - across**2, 0)
        down = v - identity.eye_level
        half = identity.eye_height * openness
        # The upper lid does most of the moving, as in life.
        lid = -half * arc + (1 - openness) * 0.3 * identity.eye_height
        floor = 0.7 * identity.eye_height * arc * (0.45 + 0.55 * openness)
        inside = cover(np.maximum(np.maximum(lid - down, down - floor), np.abs(across) - 1), 0.02)
        inside = inside * min(1.0, openness * 4)
        paint(patch, np.array([236, 232, 228]) * brightness, inside)
        centre = (side * identity.eye_spacing + gaze * 0.05, identity.eye_level - 0.005)
        size = identity.eye_height * 0.92
        iris = cover(ellipse(u, v, centre, (size, size)), 0.02) * inside
        paint(patch, np.array(identity.iris) * brightness, iris)
        paint(patch, np.full(3, 12), cover(ellipse(u, v, centre, (size / 2.2,) * 2), 0.02) * inside)
        glint = (centre[0] + 0.02, centre[1] - 0.025)
        paint(
            patch, np.full(3, 250), 0.9 * cover(ellipse(u, v, glint, (0.016,) * 2), 0.02) * inside
        )
        lash = cover(np.maximum(np.abs(down - lid) - 0.012, np.abs(across) - 1.05), 0.025)
        paint(patch, dark, 0.85 * lash)
        crease = cover(np.maximum(np.abs(down - lid + 0.055) - 0.006, np.abs(across) - 0.9), 0.03)
        paint(patch, dark, 0.3 * crease)
    if identity.has_glasses:
        _paint_glasses(patch, identity, u, v)
    return patch


def _paint_glasses(patch: np.ndarray, identity: Identity, u: np.ndarray, v: np.ndarray) -> None:
    level = identity.eye_level + 0.02
    rim = np.minimum(
        *(
            np.abs(ellipse(u, v, (side * identity.eye_spacing, level), (0.235, 0.185)))
            for side in (-1, 1)
        )
    )
    bridge = np.maximum(np.abs(v - level + 0.03), np.abs(u) - (identity.eye_spacing - 0.22))
    arms = np.maximum(np.abs(v - level + 0.05), identity.eye_spacing + 0.235 - np.abs(u))
    frame = cover(np.minimum(np.minimum(rim, bridge), arms) - 0.014, 0.02)
    paint(patch, np.array([26, 22, 24]), 0.9 * frame)


def paint_mouth(
    portrait: np.ndarray, identity: Identity, *, opening: float, brightness: float
) -> np.ndarray:
    """The mouth window [h, w, 3] with the jaw open by `opening` in [0, 1]."""
    rows, columns = mouth_window(identity)
    u, v = (axis[rows, columns] for axis in canonical_grid())
    patch = portrait[rows, columns].copy()
    width = identity.mouth_width * (1 - 0.14 * opening)
    across = u / width
    arc = np.maximum(1 - across**2, 0)
    down = v - identity.mouth_level
    gap_top, gap_bottom = -0.045 * opening * arc, 0.2 * opening * arc
    bow = 1 - 0.3 * np.exp(-((u / 0.05) ** 2))
    lip_top = gap_top - identity.lip_thickness * bow * arc**0.7
    lip_bottom = gap_bottom + 1.25 * identity.lip_thickness * arc**0.8
    beside = np.abs(across) - 1
    lips = cover(np.maximum(np.maximum(lip_top - down, down - lip_bottom), beside), 0.025)
    colour = np.array(identity.lips) * brightness
    light = 1 + 0.16 * np.exp(-(((down - gap_bottom - 0.6 * identity.lip_thickness) / 0.03) ** 2))
    paint(patch, colour * (light - 0.12 * (down < gap_top))[..., None], 0.9 * lips)
    hole = cover(np.maximum(np.maximum(gap_top - down, down - gap_bottom), beside), 0.02)
    seam = cover(np.maximum(np.abs(down) - 0.008, np.abs(across) - 0.98), 0.02)
    paint(patch, colour * 0.4, seam * (1 - hole))
    hole = hole * min(1.0, opening * 8)
    paint(patch, np.array([58, 20, 20]) * brightness, hole)
    tongue = cover(
        ellipse(u, v, (0, identity.mouth_level + 0.19 * opening), (width * 0.6, 0.06)), 0.05
    )
    paint(patch, np.array([150, 70, 68]) * brightness, 0.8 * tongue * hole)
    teeth = cover(np.maximum(down - gap_top - 0.045, np.abs(across) - 0.75), 0.025)
    paint(patch, np.array([226, 220, 206]) * brightness, 0.9 * teeth * hole)
    return patch
