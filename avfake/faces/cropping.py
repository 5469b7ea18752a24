"""The face of one person in many frames, and its square crops with a margin around it."""

from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from avfake.errors import check_ranges
from avfake.faces.types import Detections


@dataclass(frozen=True)
class CropConfig:
    """Margin and size of face crops."""

    margin: float = 0.30
    """Face margin added on each side, as a share of the face; applied in `FaceTrack.squares`.
    Blending borders lie outside the box."""
    size_px: int = 256
    """Side of the crop."""
    side_quantile: float = 0.9
    """Quantile of the box sides that sets the scale; below 1, as single boxes are too large."""

    def __post_init__(self) -> None:
        intervals = {"margin": "[0, inf)", "size_px": "[8, inf)", "side_quantile": "[0, 1]"}
        check_ranges(self, "crop", **intervals)


@dataclass(frozen=True)
class FaceTrack(Detections):
    """The face of one person in K sampled frames, gaps filled by interpolation.

    Its confidence is 0 where the box was interpolated over a gap.
    """

    person_id: int
    """0 for the most prominent person of the file."""
    frame_indices: np.ndarray
    """int64 [K], increasing, into the sampled frames."""

    def thinned(self, count: int) -> "FaceTrack":
        """Return the track with no more than `count` of its frames, evenly spread."""
        if len(self) <= count:
            return self
        kept = ((np.arange(count) + 0.5) * len(self) / count).astype(int)
        names = ("boxes", "confidences", "landmarks", "frame_indices")
        return replace(self, **{name: getattr(self, name)[kept] for name in names})

    def squares(self, config: CropConfig) -> np.ndarray:
        """Return float32 [K, 4] px: the square of each frame that is cropped, margin included.

        It may reach outside the frame. The side is the same for the whole track: a scale that
        changed with each box would look like a forgery.
        """
        low, high = self.boxes[:, :2], self.boxes[:, 2:]
        sides = (high - low).max(axis=1)
        found = sides[self.confidences > 0] if (self.confidences > 0).any() else sides
        half = 0.5 * max(1.0, float(np.quantile(found, config.side_quantile)))
        half *= 1 + 2 * config.margin  # the face margin
        centres = (low + high) / 2
        return np.concatenate([centres - half, centres + half], axis=1).astype(np.float32)

    def landmarks_in_crops(self, config: CropConfig) -> np.ndarray:
        """Return float32 [K, 5, 2]: the landmarks in px of the crops."""
        squares = self.squares(config)
        scale = config.size_px / (squares[:, 2] - squares[:, 0])
        placed: np.ndarray = (self.landmarks - squares[:, None, :2]) * scale[:, None, None]
        return placed.astype(np.float32)

    def crops(
        self, frames: np.ndarray, config: CropConfig, *, first: int | None = None
    ) -> np.ndarray:
        """Cut uint8 [K, S, S, 3] out of frames, one crop with margin for each frame of the track.

        What lies outside the frame is black, because mirrored or smeared borders would look
        generated.

        Args:
            frames: uint8 [T, H, W, 3]
            first: number of the first of these frames, where they are a part of all; the crops are
                those of this part
        """
        if first is None and len(self) and self.frame_indices[-1] >= len(frames):
            raise ValueError(
                f"the track reaches frame {self.frame_indices[-1]}, but there are {len(frames)} "
                "frames"
            )
        first = first or 0
        inside = (self.frame_indices >= first) & (self.frame_indices < first + len(frames))
        crops = np.empty((int(inside.sum()), config.size_px, config.size_px, 3), np.uint8)
        indices = self.frame_indices[inside] - first
        for crop, index, square in zip(crops, indices, self.squares(config)[inside], strict=True):
            crop[:] = _cut(frames[index], square, config.size_px)
        return crops


def _cut(frame: np.ndarray, square: np.ndarray, size_px: int) -> np.ndarray:
    x0, y0 = np.floor(square[:2]).astype(int)
    x1, y1 = np.ceil(square[2:]).astype(int)
    region = np.zeros((y1 - y0, x1 - x0, 3), np.uint8)
    inside = frame[max(0, y0) : max(0, y1), max(0, x0) : max(0, x1)]
    top, left = max(0, -y0), max(0, -x0)
    region[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
    # Pillow's resampling averages over the whole footprint, and takes the exact square.
    exact = tuple((square - [x0, y0, x0, y0]).tolist())
    size, bilinear = (size_px, size_px), Image.Resampling.BILINEAR
    return np.asarray(Image.fromarray(region).resize(size, bilinear, box=exact))
