"""What a model is shown of a file, stated once for training and prediction."""

from dataclasses import dataclass, field

from avfake.clips.config import ClipConfig
from avfake.clips.sample import SampleConfig


@dataclass(frozen=True)
class InputSpec:
    """How a file becomes a clip, and a clip the input of a model."""

    clip: ClipConfig = field(default_factory=ClipConfig)
    num_frames: int | None = None
    """Crops drawn from a clip each time it is seen in training; None = all."""
    num_windows: int | None = None
    """Windows of sound drawn from a clip each time it is seen in training; None = all."""
    window_seconds: float = 2.0

    def drawn(self) -> SampleConfig:
        """Return how training draws from a clip."""
        return SampleConfig(
            num_frames=self.num_frames,
            num_windows=self.num_windows,
            window_seconds=self.window_seconds,
            crop=self.clip.crop,
        )

    def whole(self, *, use_visual: bool = True, use_audio: bool = True) -> SampleConfig:
        """Return how all of a clip is shown, for a prediction."""
        return SampleConfig(
            window_seconds=self.window_seconds,
            use_visual=use_visual,
            use_audio=use_audio,
            crop=self.clip.crop,
        )
