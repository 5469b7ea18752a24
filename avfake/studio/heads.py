"""A person in motion, as pictures: the painted head, deformed, turned, before its background."""

from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from avfake.studio.painting import Window, paint_eyes, paint_mouth, paint_portrait
from avfake.studio.person import Identity, Motion
from avfake.studio.scene import EXTENT, Light, Scene, paint_backdrop

_LEVELS = 9
"""Eyes and mouths are painted at this many openings; frames take the nearest."""
_JAW_DROP = 0.09
"""How far the chin sinks, in face units, when the mouth is wide open."""
_TURN = 0.4
"""How far the middle of the face moves, in face units, for a yaw of 1."""


@dataclass(frozen=True)
class Rendering:
    """Rendered frames of one person."""

    pixels: np.ndarray
    """uint8 [T, H, W, 3]."""
    landmarks: np.ndarray
    """float32 [T, 5, 2] px: left eye, right eye, nose, mouth corners, as MTCNN orders them."""


def render(identity: Identity, scene: Scene, motion: Motion) -> Rendering:
    """Render the person in the scene, through the scene's camera."""
    centre = (float(motion.x.mean()), float(motion.y.mean()))
    backdrop = paint_backdrop(scene, identity, centre, float(motion.unit_px.mean()))
    pixels = _lay_over(_heads(identity, scene.light, motion), motion, backdrop)
    return Rendering(_expose(pixels, scene), landmarks_of(identity, motion))


def render_head(identity: Identity, light: Light, motion: Motion, *, size_px: int) -> Rendering:
    """Render the head alone on a plain ground, without a camera's noise: the source of a swap."""
    ground = np.full((size_px, size_px, 3), identity.skin * 0.8, np.float32)
    pixels = _lay_over(_heads(identity, light, motion), motion, ground)
    clean = pixels.permute(0, 2, 3, 1).round().clamp(0, 255).to(torch.uint8).numpy()
    return Rendering(clean, landmarks_of(identity, motion))


def landmarks_of(identity: Identity, motion: Motion) -> np.ndarray:
    """Return the five points in each frame: float32 [T, 5, 2] px."""
    eye, mouth = identity.eye_spacing, identity.mouth_width * 0.95
    right = np.array([-eye, eye, 0, -mouth, mouth])
    levels = (identity.eye_level, identity.nose_tip, identity.mouth_level)
    down = np.repeat(levels, (2, 1, 2))
    depth = np.sqrt(np.maximum(1 - (right / 0.85) ** 2 - (down / 1.15) ** 2, 0))
    u = right + _TURN * motion.yaw[:, None] * depth
    v = down + _TURN * motion.pitch[:, None] * depth
    v = v + _JAW_DROP * motion.mouth_open[:, None] * np.clip((down - 0.25) / 0.6, 0, 1)
    cos, sin = np.cos(motion.roll)[:, None], np.sin(motion.roll)[:, None]
    scale = motion.unit_px[:, None]
    x = motion.x[:, None] + scale * (cos * u - sin * v)
    y = motion.y[:, None] + scale * (sin * u + cos * v)
    return np.stack([x, y], axis=2).astype(np.float32)


def _heads(identity: Identity, light: Light, motion: Motion) -> torch.Tensor:
    """Paint heads, not deformed: float32 [T, 4, S, S], colours times coverage, and coverage."""
    portrait, coverage = paint_portrait(identity, light)
    brightness = 0.55 + 0.45 * light.ambient + 0.2 * float(light.direction[2])
    # Colours are kept times coverage, so that no black creeps in at the head's edge.
    tinted = coverage[..., None] * light.tint.astype(np.float32)  # [S, S, 3]
    layers = np.concatenate([portrait * tinted, coverage[..., None]], axis=2)
    heads = torch.from_numpy(layers).permute(2, 0, 1).repeat(len(motion), 1, 1, 1)

    def put(where: Window, patch: np.ndarray, frames: np.ndarray) -> None:
        planes = torch.from_numpy((patch * tinted[where]).astype(np.float32)).permute(2, 0, 1)
        heads[torch.from_numpy(frames), :3, where[0], where[1]] = planes

    mouths = (motion.mouth_open * (_LEVELS - 1)).round().astype(int)
    for level in np.unique(mouths):
        opening = level / (_LEVELS - 1)
        mouth = paint_mouth(portrait, identity, opening=opening, brightness=brightness)
        put(*mouth, mouths == level)
    eyes = (motion.eyes_open * (_LEVELS - 1)).round().astype(int)
    for level, gaze in {*zip(eyes.tolist(), motion.gaze.tolist(), strict=True)}:
        openness = level / (_LEVELS - 1)
        pair = paint_eyes(portrait, identity, openness=openness, gaze=gaze, brightness=brightness)
        put(*pair, (eyes == level) & (motion.gaze == gaze))
    return heads


def _lay_over(heads: torch.Tensor, motion: Motion, ground: np.ndarray) -> torch.Tensor:
    """Return frames float32 [T, 3, H, W]: the heads, posed, over one ground [H, W, 3]."""
    laid = F.grid_sample(heads, _bend(motion, ground.shape[:2]), align_corners=False)
    return torch.from_numpy(ground).float().permute(2, 0, 1) * (1 - laid[:, 3:]) + laid[:, :3]


def _bend(motion: Motion, size: tuple[int, ...]) -> torch.Tensor:
    """Return the coordinates on the head's square of each pixel [H, W]: [T, H, W, 2]."""

    def per_frame(values: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(values).view(-1, 1, 1)

    y, x = torch.meshgrid(*(torch.arange(side) + 0.5 for side in size), indexing="ij")
    x = (x - per_frame(motion.x)) / per_frame(motion.unit_px)
    y = (y - per_frame(motion.y)) / per_frame(motion.unit_px)
    roll = per_frame(motion.roll)
    u = torch.cos(roll) * x + torch.sin(roll) * y
    v = torch.cos(roll) * y - torch.sin(roll) * x
    # The nearer a point is to the camera, the further a turn of the head carries it.
    depth = (1 - (u / 0.85) ** 2 - (v / 1.15) ** 2).clamp_min(0).sqrt()
    u = u - _TURN * per_frame(motion.yaw) * depth
    v = v - _TURN * per_frame(motion.pitch) * depth
    jaw = ((v - 0.25) / 0.6).clamp(0, 1)
    v = v - _JAW_DROP * per_frame(motion.mouth_open) * jaw
    return torch.stack([u, v], dim=3) / EXTENT


def _expose(frames: torch.Tensor, scene: Scene) -> np.ndarray:
    """Blur a little, and add new noise to each frame, as a camera does: uint8 [T, H, W, 3]."""
    frames = _blur(_blur(frames, scene.blur, dim=2), scene.blur, dim=3)
    count, _, height, width = frames.shape
    generator = torch.Generator().manual_seed(scene.noise_seed)
    noise = torch.randn(3 * height * width + 100_003, generator=generator)
    starts = torch.randint(100_000, (count,), generator=generator).tolist()
    for frame, start in zip(frames, starts, strict=True):
        # A new window of one long noise: as good to a codec as other noise, at a tenth of the cost.
        grain = noise[start : start + 3 * height * width].view(3, height, width)
        frame.add_(grain, alpha=scene.noise_level)
    return frames.permute(0, 2, 3, 1).round().clamp(0, 255).to(torch.uint8).numpy()


def _blur(frames: torch.Tensor, share: float, *, dim: int) -> torch.Tensor:
    """Give `share` of each pixel to either neighbour along `dim`; the border is kept."""
    size = frames.shape[dim]
    before, middle, after = (frames.narrow(dim, start, size - 2) for start in (0, 1, 2))
    blurred = frames.clone()
    blurred.narrow(dim, 1, size - 2).mul_(1 - 2 * share).add_(before + after, alpha=share)
    return blurred
