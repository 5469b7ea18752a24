"""Where a person is recorded: drawing tools, light, background, clothes, camera."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter, zoom

from avfake.studio.person import Identity, between, draw_fields

TEXTURE_PX = 256
"""Side of the square in which a head is painted."""
EXTENT = 1.9
"""The square reaches from -EXTENT to EXTENT in face units."""
PX_PER_UNIT = TEXTURE_PX / (2 * EXTENT)
_LINE = (((np.arange(TEXTURE_PX) + 0.5) / TEXTURE_PX * 2 - 1) * EXTENT).astype(np.float32)
U, V = np.meshgrid(_LINE, _LINE)
"""Face units rightwards and downwards in the head's square, float32 [S, S] each."""


def cover(distance: np.ndarray, softness: float = 1.2 / PX_PER_UNIT) -> np.ndarray:
    """Return how much of a pixel lies inside a shape: 1 for distance < 0, else 0, soft between."""
    ramp = np.clip(0.5 - distance / softness, 0, 1)
    return ramp * ramp * (3 - 2 * ramp)


def ellipse(
    u: np.ndarray, v: np.ndarray, centre: tuple[float, float], radii: tuple[float, float]
) -> np.ndarray:
    """Return the approximate signed distance to an ellipse, in the units of u and v."""
    radius = np.hypot((u - centre[0]) / radii[0], (v - centre[1]) / radii[1])
    return (radius - 1) * min(radii)


def bump(
    u: np.ndarray, v: np.ndarray, centre: tuple[float, float], widths: tuple[float, float]
) -> np.ndarray:
    """Return a Gaussian of height 1."""
    return np.exp(-(((u - centre[0]) / widths[0]) ** 2) - ((v - centre[1]) / widths[1]) ** 2)


def paint(canvas: np.ndarray, colour: np.ndarray, amount: np.ndarray) -> None:
    """Lay a colour ([3] or [H, W, 3]) over canvas [H, W, 3] in place, as thick as amount [H, W]."""
    canvas += amount[..., None] * (np.asarray(colour, np.float32) - canvas)


def smooth_noise(
    rng: np.random.Generator, shape: tuple[int, ...], cells: tuple[int, int]
) -> np.ndarray:
    """Return noise [H, W] of mean 0, deviation 1, with about `cells` lumps down and across."""
    coarse = rng.standard_normal((cells[0] + 3, cells[1] + 3)).astype(np.float32)
    factors = (shape[0] / cells[0], shape[1] / cells[1])
    fine = gaussian_filter(zoom(coarse, factors, order=1), (factors[0] / 3, factors[1] / 3))
    fine = fine[: shape[0], : shape[1]]
    return (fine - fine.mean()) / (fine.std() + 1e-6)


@dataclass(frozen=True)
class Light:
    """One lamp and the ambient light."""

    direction: np.ndarray
    """Towards the lamp: rightwards, downwards, towards the camera; length 1."""
    ambient: float
    tint: np.ndarray
    """Factor of each channel, about 1."""


@dataclass(frozen=True)
class Scene:
    """The surroundings of a person, and the camera."""

    size: tuple[int, int]
    """Width and height in px."""
    clothes: np.ndarray
    """RGB in 0..255."""
    light: Light
    backdrop_seed: int
    noise_seed: int
    noise_level: float = between(1.0, 5.0)
    """Standard deviation of the sensor's noise in grey levels."""
    blur: float = between(0.03, 0.16)
    """The share of its light that a pixel gives to either neighbour."""


def draw_light(rng: np.random.Generator) -> Light:
    """Draw a lamp somewhere in front, mostly above."""
    direction = np.array([rng.uniform(-0.8, 0.8), rng.uniform(-0.7, 0.05), rng.uniform(0.75, 1.1)])
    warmth = rng.normal(0, 0.05)
    tint = np.array([1 + warmth, 1.0, 1 - warmth])
    return Light(direction / np.linalg.norm(direction), rng.uniform(0.25, 0.5), tint)


def mix_lights(first: Light, second: Light, share: float) -> Light:
    """Return `first` with `share` in [0, 1] of `second` in it."""
    direction, ambient, tint = (
        (1 - share) * getattr(first, name) + share * getattr(second, name)
        for name in ("direction", "ambient", "tint")
    )
    return Light(direction / np.linalg.norm(direction), ambient, tint)


def draw_scene(rng: np.random.Generator, sizes: tuple[tuple[int, int], ...]) -> Scene:
    """Draw a scene from `rng`; sizes are (width, height) in px to choose from."""
    return Scene(
        size=sizes[rng.integers(len(sizes))],
        clothes=rng.uniform(20, 220, 3),
        light=draw_light(rng),
        **draw_fields(Scene, rng),
        backdrop_seed=int(rng.integers(2**31)),
        noise_seed=int(rng.integers(2**31)),
    )


def paint_backdrop(
    scene: Scene, identity: Identity, centre: tuple[float, float], unit_px: float
) -> np.ndarray:
    """Paint the background, and neck and clothes under a head at `centre`: float32 [H, W, 3]."""
    rng = np.random.default_rng(scene.backdrop_seed)
    width, height = scene.size
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    wall, far = rng.uniform(30, 225, (2, 3))
    slope = columns / width * rng.uniform(-1, 1) + rows / height * rng.uniform(-1, 1)
    canvas = (wall + (far - wall) * (0.3 + 0.4 * slope[..., None])).astype(np.float32)
    for _ in range(rng.integers(2, 9)):
        _paint_thing(canvas, rows, columns, rng)
    grain = smooth_noise(rng, rows.shape, (height // 3, width // 3))
    canvas *= 1 + 0.04 * (grain + smooth_noise(rng, rows.shape, (6, 6)))[..., None]
    depth = rng.uniform(0.3, 4.0)
    canvas = gaussian_filter(canvas, (depth, depth, 0))
    u, v = (columns - centre[0]) / unit_px, (rows - centre[1]) / unit_px
    _paint_body(canvas, scene, identity, u, v)
    return np.clip(canvas * scene.light.tint.astype(np.float32), 0, 255)


def _paint_thing(
    canvas: np.ndarray, rows: np.ndarray, columns: np.ndarray, rng: np.random.Generator
) -> None:
    """Paint a box (shelf, window, picture) or a ball (plant, lamp) into the background."""
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
    """Paint neck and shoulders, in face units from the middle of the head."""
    x, _, z = scene.light.direction.tolist()
    side = np.clip(0.75 + 0.35 * x * u, 0.35, 1.15)[..., None] * (0.6 + 0.4 * z)
    neck = np.maximum(np.abs(u) - 0.42 * identity.face_width / 0.72, v - 1.6)
    under_chin = 1 - 0.35 * np.exp(-(((v - 0.95) / 0.25) ** 2))[..., None]
    paint(canvas, identity.skin * side * under_chin, cover(np.maximum(neck, 0.3 - v), 0.03))
    shoulders = 1.28 + 0.16 * u**2 + 0.45 * np.maximum(np.abs(u) - 1.2, 0) ** 2
    collar = np.maximum(shoulders - v, 0.52 - np.hypot(u / 1.0, (v - 1.1) / 0.75))
    rng = np.random.default_rng(scene.backdrop_seed + 1)
    stripes = 0.12 * np.sin(rng.uniform(4, 30) * (u * rng.uniform(-1, 1) + v * rng.uniform(-1, 1)))
    weave = 0.06 * smooth_noise(rng, u.shape, (u.shape[0] // 3, u.shape[1] // 3))
    cloth = scene.clothes * side * (1 + stripes * (rng.random() < 0.5) + weave)[..., None]
    paint(canvas, cloth, cover(collar, 0.03))
