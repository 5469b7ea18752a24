"""A procedural person: the numbers that make one face unlike another, and how the head moves."""

from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal

import numpy as np
from scipy.ndimage import gaussian_filter1d

HairStyle = Literal["bald", "short", "parted", "curly", "long", "bob"]
Beard = Literal["none", "stubble", "full"]
HAIR_STYLES: tuple[HairStyle, ...] = ("bald", "short", "parted", "curly", "long", "bob")
BEARDS: tuple[Beard, ...] = ("none", "none", "none", "stubble", "full")

# Dark to light; real skin lies near this line, with a little red or yellow to either side.
_SKIN_LINE = np.array(
    [[78, 50, 36], [128, 84, 60], [176, 124, 94], [214, 166, 136], [240, 202, 180]]
)
_HAIR_COLOURS = np.array(
    [
        [24, 20, 18],
        [52, 36, 26],
        [92, 60, 36],
        [150, 104, 58],
        [206, 168, 104],
        [120, 46, 24],
        [168] * 3,
    ]
)
_IRIS_COLOURS = np.array(
    [[70, 44, 24], [96, 68, 36], [84, 104, 62], [78, 116, 152], [112, 124, 132]]
)


def between(low: float, high: float) -> Any:
    """Return a field that `draw_fields` draws between two bounds."""
    return field(metadata={"range": (low, high)})


def draw_fields(kind: type, rng: np.random.Generator) -> dict[str, Any]:
    """Draw the fields of a dataclass that are `between` bounds, in their order."""
    return {f.name: rng.uniform(*f.metadata["range"]) for f in fields(kind) if f.metadata}


@dataclass(frozen=True)
class Identity:
    """One person's looks: colours are RGB in 0..255, float [3]; lengths are in face units.

    The chin is 1 below the centre of the face.
    """

    skin: np.ndarray
    hair: np.ndarray
    iris: np.ndarray
    lips: np.ndarray
    hair_style: HairStyle
    beard: Beard
    has_glasses: bool
    freckles: int
    roughness: float
    """How strong the fine texture of the skin is."""
    texture_seed: int
    face_width: float = between(0.66, 0.8)
    """Half the width at the cheekbones."""
    jaw: float = between(1.75, 2.7)
    """Exponent of the lower outline: below 2 pointed, above 2 square."""
    eye_spacing: float = between(0.29, 0.36)
    """From the middle of the face to the middle of an eye."""
    eye_height: float = between(0.06, 0.095)
    eye_width: float = between(0.13, 0.175)
    eye_level: float = between(-0.2, -0.08)
    """Downwards from the centre of the face; negative is above it."""
    brow_thickness: float = between(0.018, 0.05)
    brow_tilt: float = between(-0.12, 0.16)
    brow_level: float = between(-0.24, -0.16)
    nose_width: float = between(0.1, 0.17)
    nose_tip: float = between(0.18, 0.3)
    mouth_width: float = between(0.22, 0.34)
    mouth_level: float = between(0.5, 0.6)
    lip_thickness: float = between(0.035, 0.075)
    hairline: float = between(-0.78, -0.58)
    """Where the forehead ends; more negative is higher."""


def draw_identity(rng: np.random.Generator) -> Identity:
    """Draw one person from `rng`."""
    skin = _on_line(_SKIN_LINE, rng) + rng.normal(0, 5, 3)
    lips = skin * [0.86, 0.58, 0.6] + [rng.uniform(0, 34), 0, rng.uniform(0, 10)]
    hair = _HAIR_COLOURS[rng.integers(len(_HAIR_COLOURS))] + rng.normal(0, 8, 3)
    iris = _IRIS_COLOURS[rng.integers(len(_IRIS_COLOURS))] + rng.normal(0, 8, 3)
    hair_style = HAIR_STYLES[rng.integers(len(HAIR_STYLES))]
    may_have_beard = hair_style not in ("long", "bob")
    return Identity(
        skin=np.clip(skin, 8, 250),
        hair=np.clip(hair, 8, 250),
        iris=np.clip(iris, 8, 250),
        lips=np.clip(lips, 8, 250),
        **draw_fields(Identity, rng),
        hair_style=hair_style,
        beard=BEARDS[rng.integers(len(BEARDS))] if may_have_beard else "none",
        has_glasses=bool(rng.random() < 0.2),
        freckles=int(rng.integers(0, 60)) if rng.random() < 0.4 else 0,
        roughness=rng.uniform(0.4, 1.4),
        texture_seed=int(rng.integers(2**31)),
    )


def _on_line(stops: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return a point somewhere on the polyline through `stops`."""
    at = rng.uniform(0, len(stops) - 1)
    return np.array([np.interp(at, np.arange(len(stops)), stops[:, k]) for k in range(3)])


@dataclass(frozen=True)
class Motion:
    """The motion of a head, one value a frame: float32 [T] each."""

    x: np.ndarray
    """Middle of the face, px."""
    y: np.ndarray
    unit_px: np.ndarray
    """Size: pixels to a face unit (half the height of the face)."""
    roll: np.ndarray
    """Radians, clockwise."""
    yaw: np.ndarray
    """Turn to the side; 0.3 is a clear turn."""
    pitch: np.ndarray
    eyes_open: np.ndarray
    """0 closed, 1 open."""
    gaze: np.ndarray
    """-1 to 1, sideways."""
    mouth_open: np.ndarray
    """0 closed, 1 wide open."""

    def __len__(self) -> int:
        return len(self.x)


def draw_motion(
    rng: np.random.Generator, mouth_open: np.ndarray, *, size: tuple[int, int], fps: float
) -> Motion:
    """Draw the motion of a head for as long as `mouth_open` [T]; size is (width, height)."""
    count, (width, height) = len(mouth_open), size
    liveliness = rng.uniform(0.3, 1.4)
    unit = min(rng.uniform(0.21, 0.29) * height, 0.27 * width)

    def wander(spread: float, seconds: float = 0.5) -> np.ndarray:
        return spread * liveliness * _wander(rng, count, fps * seconds)

    nod = -0.04 * rng.uniform(0, 1) * gaussian_filter1d(mouth_open, 1.5)
    return Motion(
        x=(width * rng.uniform(0.44, 0.56) + wander(0.05 * unit)).astype(np.float32),
        y=(height * rng.uniform(0.43, 0.48) + wander(0.04 * unit)).astype(np.float32),
        unit_px=(unit * (1 + wander(0.012))).astype(np.float32),
        roll=(rng.normal(0, 0.04) + wander(0.03)).astype(np.float32),
        yaw=(rng.normal(0, 0.12) + wander(0.09)).astype(np.float32),
        pitch=(rng.normal(0, 0.05) + wander(0.04) + nod).astype(np.float32),
        eyes_open=_blinks(rng, count, fps),
        gaze=np.sign(_wander(rng, count, fps * 0.6) - 0.6).clip(0) * rng.choice([-1, 1]),
        mouth_open=mouth_open.astype(np.float32),
    )


def pose_for_swap(motion: Motion, *, size_px: int) -> Motion:
    """Return the same expressions on a still head in the middle of a square picture."""
    still = np.zeros(len(motion), np.float32)
    return replace(
        motion,
        x=still + size_px / 2,
        y=still + size_px / 2,
        unit_px=still + 0.42 * size_px,
        roll=still,
        yaw=0.7 * motion.yaw,
        pitch=0.7 * motion.pitch,
    )


def _wander(rng: np.random.Generator, count: int, smoothness: float) -> np.ndarray:
    """Return smooth noise of deviation about 1 over `count` frames, float32."""
    margin = int(4 * smoothness) + 1
    noise = gaussian_filter1d(rng.standard_normal(count + 2 * margin), smoothness)
    # White noise smoothed by a Gaussian of deviation s has variance 1 / (2 s sqrt(pi)).
    return (noise[margin:-margin] * np.sqrt(2 * smoothness * np.sqrt(np.pi))).astype(np.float32)


def _blinks(rng: np.random.Generator, count: int, fps: float) -> np.ndarray:
    """Return the lids over time: mostly open, shut for a fifth of a second every few seconds."""
    seconds = np.arange(count) / fps
    open_level = rng.uniform(0.8, 1.0)
    lids = np.full(count, open_level, np.float32)
    moment = rng.uniform(0, 3)
    while moment < seconds[-1]:
        lids *= 1 - np.exp(-(((seconds - moment) / 0.09) ** 2))
        moment += rng.uniform(1.2, 4)
    return lids
