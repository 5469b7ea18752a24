"""Faces in single frames, and what finds them."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True)
class Detections:
    """Boxes and landmarks of faces: those found in one frame, most confident first."""

    boxes: np.ndarray
    """float32 [K, 4] x0, y0, x1, y1 in px of the full-resolution frame; may reach outside it."""
    confidences: np.ndarray
    """float32 [K] in [0, 1]."""
    landmarks: np.ndarray
    """float32 [K, 5, 2] x, y px: left eye, right eye, nose, left and right mouth corner
    (left and right as seen in the picture)."""

    def __post_init__(self) -> None:
        count = len(self.boxes)
        expected = {"boxes": (count, 4), "confidences": (count,), "landmarks": (count, 5, 2)}
        for name, shape in expected.items():
            if getattr(self, name).shape != shape:
                raise ValueError(f"{name} must be {shape}, got {getattr(self, name).shape}")

    def __len__(self) -> int:
        return len(self.boxes)


class FaceDetector(Protocol):
    """A detector of faces; its `name` and settings enter the preprocessing hash."""

    name: str

    def detect(self, frames: np.ndarray) -> list[Detections]:
        """Return one `Detections` for each frame. frames: uint8 [T, H, W, 3] RGB."""
        ...


def check_frames(frames: np.ndarray) -> None:
    """Raise ValueError unless these are frames that a detector takes."""
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3:
        raise ValueError(f"frames must be uint8 [T, H, W, 3], got {frames.dtype} {frames.shape}")
