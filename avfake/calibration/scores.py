"""Scores of the branches on one clip: the only input of the stacker."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

Modality = Literal["whole", "picture", "sound"]
"""What of a clip was assessed: all of it, its picture alone, its sound alone."""
MODALITIES: tuple[Modality, ...] = ("whole", "picture", "sound")


def _empty() -> np.ndarray:
    return np.zeros(0, np.float32)


@dataclass(frozen=True)
class ClipScores:
    """Branch scores of one clip, all probabilities of forgery in [0, 1]; empty where absent."""

    clip_id: str
    frame_scores: np.ndarray = field(default_factory=_empty)
    """float32 [K], one for each scored face crop, over all persons."""
    frame_persons: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    """int64 [K] person_id."""
    frame_seconds: np.ndarray = field(default_factory=_empty)
    face_px: np.ndarray = field(default_factory=_empty)
    """float32 [K], side of the face box in px of the original frame."""
    face_confidences: np.ndarray = field(default_factory=_empty)
    num_frames_sampled: int = 0
    window_scores: np.ndarray = field(default_factory=_empty)
    """float32 [W], one for each window of sound."""
    window_spans: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), np.float32))
    """float32 [W, 2], start and end of each window in seconds of the file."""
    fused: Mapping[str, float | None] = field(default_factory=dict)
    """Output -> probability of the fusion head; None where not assessed."""
    voice_statistics: Mapping[str, float] = field(default_factory=dict)
    """Name -> value, measured on the sound by `clips`."""
    sync_statistics: Mapping[str, float] = field(default_factory=dict)
    """Name -> value, measures of how lips and sound fit; empty where they were not compared."""

    def __post_init__(self) -> None:
        for name in ("frame_persons", "frame_seconds", "face_px", "face_confidences"):
            self._check_length(name, like="frame_scores")
        if self.window_spans.shape != (len(self.window_scores), 2):
            raise ValueError(
                f"{self.clip_id}: window_spans must be [{len(self.window_scores)}, 2] like "
                f"window_scores, got {self.window_spans.shape}"
            )
        fused = [value for value in self.fused.values() if value is not None]
        for name, values in [
            ("frame_scores", self.frame_scores),
            ("window_scores", self.window_scores),
            ("fused", np.array(fused)),
        ]:
            # NaN fails the comparison too: an unknown score is left out, never passed on.
            if not np.all((values >= 0) & (values <= 1)):
                raise ValueError(f"{self.clip_id}: {name} must lie in [0, 1], got {values}")

    def _check_length(self, name: str, *, like: str) -> None:
        got, wanted = getattr(self, name).shape, getattr(self, like).shape
        if len(wanted) != 1 or got != wanted:
            raise ValueError(f"{self.clip_id}: {name} must be [K] like {like} {wanted}, got {got}")

    @property
    def has_visual(self) -> bool:
        return len(self.frame_scores) > 0

    @property
    def has_audio(self) -> bool:
        return len(self.window_scores) > 0

    @property
    def modality(self) -> Modality:
        """Return what was assessed; "whole" where nothing was."""
        if self.has_visual == self.has_audio:
            return "whole"
        return "picture" if self.has_visual else "sound"
