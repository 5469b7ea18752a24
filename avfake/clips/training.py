"""Crops, sound and labels of a training clip, before they become tensors."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np

from avfake.labels import Labels


@dataclass(frozen=True)
class TrainingSample:
    """Crops, sound and labels of one clip. The arrays are never written to, only replaced."""

    faces: np.ndarray
    """uint8 [T, S, S, 3] RGB; T = 0 without a face."""
    landmarks: np.ndarray
    """float32 [T, 5, 2] x, y px of the crop: left and right eye, nose, left and right mouth corner
    (left and right as seen in the picture)."""
    persons: np.ndarray
    """int64 [T], person of each crop."""
    sound: np.ndarray
    """float32 [W, N], windows in [-1, 1]; W = 0 without sound."""
    crop_sound: np.ndarray
    """float32 [T, M], the sound around each crop; M = 0 where there is none."""
    sample_rate: int
    """Hz, of both."""
    labels: Labels
    """Between 0 and 1 where genuine and fake were mixed."""
    weights: Labels
    """0 = label unknown."""
    partner: np.ndarray | None = None
    """uint8 [T, S, S, 3]: the same crops of the genuine original of a fake, pixel on pixel."""

    @property
    def side_px(self) -> int:
        """Side of the crops."""
        return self.faces.shape[1]

    @property
    def has_faces(self) -> bool:
        return self.faces.size > 0

    @property
    def has_sound(self) -> bool:
        return self.sound.size + self.crop_sound.size > 0

    def with_pictures(self, change: Callable[[np.ndarray], np.ndarray]) -> "TrainingSample":
        """Return the sample with `change` applied to the crops and those of the partner."""
        partner = None if self.partner is None else change(self.partner)
        return replace(self, faces=change(self.faces), partner=partner)

    def with_sound(self, change: Callable[[np.ndarray], np.ndarray]) -> "TrainingSample":
        """Return the sample with `change` applied to each row [N] of its sound, kept in [-1, 1]."""
        return replace(
            self, sound=_changed(self.sound, change), crop_sound=_changed(self.crop_sound, change)
        )


class Augment(Protocol):
    """A function that changes training samples."""

    @property
    def needs_partner(self) -> bool:
        """Whether the crops of the original are needed, which takes time to read."""
        ...

    def __call__(self, sample: TrainingSample, rng: np.random.Generator) -> TrainingSample: ...


def _changed(rows: np.ndarray, change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    if not rows.size:
        return rows
    changed = np.stack([change(row) for row in rows])
    if changed.shape != rows.shape:
        raise ValueError(f"sound of {rows.shape} came back as {changed.shape}")
    return changed.clip(-1, 1).astype(np.float32)
