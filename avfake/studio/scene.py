"""Where somebody is filmed: the light, the room behind, the clothes, the camera."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter

from avfake.studio.identity import Colour, Identity
from avfake.studio.shapes import cover, ellipse, paint, smooth_noise


@dataclass(frozen=True)
class Light:
    """One lamp and the glow of the room."""

    direction: tuple[float, float, float]
    """Towards the lamp: rightwards, downwards, towards the camera; length 1."""
    ambient: float
    tint: Colour
    """What it does to each channel, about 1."""


@dataclass(frozen=True)
class Scene:
    """All that a camera sees and adds, but for the person."""

    width_px: int
    height_px: int
    light: Light
    clothes: Colour
    noise_level: float
    """Standard deviation of the sensor's noise in grey levels."""
    blur: float
    """The share of its light that a pixel gives to either neighbour."""
    backdrop_seed: int
    noise_seed: int


def draw_light(rng: np.random.Generator) -> Light:
    """A lamp somewhere in front, mostly above."""
    direction = np.array([rng.uniform(-0.8, 0.8), rng.uniform(-0.7, 0.05), rng.uniform(0.75, 1.1)])
    x, y, z = (direction / np.linalg.norm(direction)).tolist()
    warmth = rng.normal(0, 0.05)
    tint = (1 + warmth, 1.0, 1 - warmth)
    return Light((x, y, z), float(rng.uniform(0.25, 0.5)), tint)


def mix_lights(first: Light, second: Light, share: float) -> Light:
    """`first` with `share` in [0, 1] of `second` in it."""

    def mix(a: tuple[float, ...], b: tuple[float, ...]) -> np.ndarray:
        return (1 - share) * np.array(a) + share * np.array(b)

    direction = mix(first.direction, second.direction)
    x, y, z = (direction / np.linalg.norm(direction)).tolist()
    red, green, blue = mix(first.tint, second.tint).tolist()
    ambient = (1 - share) * first.ambient + share * second.ambient
    return Light((x, y, z), ambient, (red, green, blue))


def draw_scene(rng: np.random.Generator, sizes: tuple[tuple[int, int], ...]) -> Scene:
    """One place, drawn from `rng`; sizes are (width, height) in px to choose from."""
    width, height = sizes[rng.integers(len(sizes))]
    red, green, blue = rng.uniform(20, 220, 3).tolist()
    return Scene(
        width_px=width,
        height_px=height,
        light=draw_light(rng),
        clothes=(red, green, blue),
        noise_level=float(rng.uniform(1.0, 5.0)),
        blur=float(rng.uniform(0.03, 0.16)),
        backdrop_seed=int(rng.integers(2**31)),
        noise_seed=int(rng.integers(2**31)),
    )


def paint_backdrop(
    scene: Scene, identity: Identity, centre: tuple[float, float], unit_px: float
) -> np.ndarray:
    """float32 [H, W, 3]: the room, and the person's neck and clothes under a head at `centre`."""
    rng = np.random.default_rng(scene.backdrop_seed)
    shape = (scene.height_px, scene.width_px)
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    wall, far = rng.uniform(30, 225, (2, 3))
    slope = (columns / shape[1] * rng.uniform(-1, 1) + rows / shape[0] * rng.uniform(-1, 1))[
        ..., None
    ]
    canvas = (wall + (far - wall) * (0.3 + 0.4 * slope)).astype(np.float32)
    for _ in range(rng.integers(2, 9)):
        _paint_thing(canvas, rows, columns, rng)
    grain = smooth_noise(rng, shape, (shape[0] // 3, shape[1] // 3))
    canvas *= 1 + 0.04 * (grain + smooth_noise(rng, shape, (6, 6)))[..., None]
    depth = rng.uniform(0.3, 4.0)
    canvas = gaussian_filter(canvas, (depth, depth, 0))
    _paint_body(
        canvas, scene, identity, (columns - centre[0]) / unit_px, (rows - centre[1]) / unit_px
    )
    return np.clip(canvas * np.array(scene.light.tint, np.float32), 0, 255)


def _paint_thing(
    canvas: np.ndarray, rows: np.ndarray, columns: np.ndarray, rng: np.random.Generator
) -> None:
    """A box (shelf, window, picture) or a ball (plant, lamp) somewhere in the room."""
    height, width = rows.shape
    x, y = rng.uniform(0, width), rng.uniform(0, height)
    half_width, half_height = rng.uniform(0.04, 0.3) * width, rng.uniform(0.04, 0.3) * height
    if rng.random() < 0.65:
        distance = np.maximum(np.abs(columns - x) - half_width, np.abs(rows - y) - half_height)
    else:
        distance = ellipse(columns, rows, (x, y), (half_width, half_height))
    paint(canvas, rng.uniform(15, 240, 3), rng.uniform(0.5, 1) * cover(distance, 2.0))


def _paint_body(
    canvas: np.ndarray, scene: Scene, identity: Identity, u: np.ndarray, v: np.ndarray
) -> None:
    """Neck and shoulders, in face units from the middle of the head."""
    x, _, z = scene.light.direction
    side = np.clip(0.75 + 0.35 * x * u, 0.35, 1.15)[..., None] * (0.6 + 0.4 * z)
    neck = np.maximum(np.abs(u) - 0.42 * identity.face_width / 0.72, v - 1.6)
    under_chin = 1 - 0.35 * np.exp(-(((v - 0.95) / 0.25) ** 2))[..., None]
    paint(
        canvas, np.array(identity.skin) * side * under_chin, cover(np.maximum(neck, 0.3 - v), 0.03)
    )
    shoulders = 1.28 + 0.16 * u**2 + 0.45 * np.maximum(np.abs(u) - 1.2, 0) ** 2
    collar = np.maximum(shoulders - v, 0.52 - np.hypot(u / 1.0, (v - 1.1) / 0.75))
    rng = np.random.default_rng(scene.backdrop_seed + 1)
    stripes = 0.12 * np.sin(rng.uniform(4, 30) * (u * rng.uniform(-1, 1) + v * rng.uniform(-1, 1)))
    weave = 0.06 * smooth_noise(rng, (u.shape[0], u.shape[1]), (u.shape[0] // 3, u.shape[1] // 3))
    cloth = np.array(scene.clothes) * side * (1 + stripes * (rng.random() < 0.5) + weave)[..., None]
    paint(canvas, cloth, cover(collar, 0.03))
