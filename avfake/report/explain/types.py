"""What of a clip weighed most, and where in it."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class FaceEvidence:
    """One face crop and where in it the models saw a forgery."""

    person_id: int
    seconds: float
    """Of the file."""
    score: float
    """Probability of a forged face by this crop alone; uncalibrated."""
    share: float
    """Of the attention that all crops of the clip get."""
    crop: np.ndarray
    """uint8 [S, S, 3] RGB."""
    heat: np.ndarray
    """float32 [S, S], 0 and up: evidence of forgery, on one scale within an explanation."""

    def __post_init__(self) -> None:
        if self.crop.shape != (*self.heat.shape, 3):
            raise ValueError(f"heat {self.heat.shape} does not lie on a crop {self.crop.shape}")

    @property
    def contribution(self) -> float:
        """Score times share."""
        return self.score * self.share


@dataclass(frozen=True)
class VoiceEvidence:
    """One window of sound and which of its bands and times spoke for a forgery."""

    start_seconds: float
    end_seconds: float
    score: float
    """Probability of a forged voice by this window alone; uncalibrated."""
    share: float
    """Of the attention that all windows of the clip get."""
    spectrogram: np.ndarray
    """float32 [bands, times], log power in nats, lowest band first."""
    saliency: np.ndarray
    """float32 [bands, times]: what the window's logit loses when the place is hushed; below zero
    where it speaks for a genuine voice."""
    band_hz: np.ndarray
    """float32 [bands]: the middle of each band."""
    pause_seconds: float = 0.0
    """Pauses between start and end that are not part of the window."""

    def __post_init__(self) -> None:
        if self.spectrogram.shape != self.saliency.shape:
            raise ValueError(
                f"saliency {self.saliency.shape} does not lie on a spectrogram "
                f"{self.spectrogram.shape}"
            )
        if self.band_hz.shape != self.spectrogram.shape[:1]:
            raise ValueError(f"{self.band_hz.shape} middles for {len(self.spectrogram)} bands")

    @property
    def contribution(self) -> float:
        """Score times share."""
        return self.score * self.share


@dataclass(frozen=True)
class Explanation:
    """The crops and windows that contributed most, the strongest first; empty where absent."""

    clip_id: str
    faces: tuple[FaceEvidence, ...] = ()
    voice: tuple[VoiceEvidence, ...] = ()
