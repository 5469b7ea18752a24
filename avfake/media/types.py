"""Types of the media package: pictures and sound, always with their times."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avfake.errors import Reason
from avfake.media.resampling import Resampler

SILENT_BELOW = 0.5 / 32768
"""Half a step of 16-bit sound: a sound without a sample above it is digital silence."""


@dataclass(frozen=True)
class MediaInfo:
    """Facts that the container states about a file."""

    path: Path
    container: str
    size_bytes: int
    duration_seconds: float | None
    has_video: bool
    has_audio: bool
    width: int | None = None
    """Displayed width in px: after rotation and pixel aspect."""
    height: int | None = None
    fps: float | None = None
    num_frames: int | None = None
    """As stated by the container; None where it is not."""
    rotation_degrees: int = 0
    """Clockwise rotation of a decoded frame before display: 0, 90, 180, 270."""
    is_mirrored: bool = False
    """Whether left and right are swapped before that rotation."""
    pixel_aspect: float = 1.0
    """Displayed width of a pixel over its height, before rotation."""
    video_start_seconds: float = 0.0
    """Start of the first and end of the last picture, file seconds; sound may exceed both."""
    video_end_seconds: float | None = None
    video_codec: str | None = None
    audio_codec: str | None = None
    sample_rate: int | None = None
    """Hz of the sound stream in the file."""
    num_channels: int | None = None

    def sample_times(self, num_frames: int) -> np.ndarray:
        """Return float64 [N]: midpoints of N equal segments of the duration of the video stream."""
        if num_frames < 1:
            raise ValueError(f"num_frames is {num_frames}; at least 1 is needed")
        start, end = self.video_start_seconds, self.video_end_seconds or 0.0
        return start + (np.arange(num_frames) + 0.5) / num_frames * max(0.0, end - start)


@dataclass(frozen=True)
class Frames:
    """Pictures with their times."""

    pixels: np.ndarray
    """uint8 [T, H, W, 3] RGB, as displayed (rotated, square pixels)."""
    seconds: np.ndarray
    """float64 [T], increasing, seconds from the start of the file."""
    notes: tuple[Reason, ...] = ()
    """What was noticed while the stream was read; part "file"."""

    def __len__(self) -> int:
        return len(self.pixels)

    def __repr__(self) -> str:
        return f"Frames(pixels={self.pixels.shape}, seconds={self.seconds.round(2).tolist()})"


@dataclass(frozen=True)
class Waveform:
    """Mono sound on the clock of its file: sample 0 is file second 0."""

    samples: np.ndarray
    """float32 [N] in [-1, 1]."""
    sample_rate: int
    """Hz."""

    def __post_init__(self) -> None:
        if self.samples.dtype != np.float32 or self.samples.ndim != 1:
            raise ValueError(
                f"samples must be float32 [N], got {self.samples.dtype} {self.samples.shape}"
            )

    def __repr__(self) -> str:
        return f"Waveform({self.duration_seconds:.2f} s at {self.sample_rate} Hz)"

    @property
    def duration_seconds(self) -> float:
        return len(self.samples) / self.sample_rate

    @property
    def is_silent(self) -> bool:
        """Whether the sound is digital silence: no sample above half a step of 16-bit sound."""
        return not bool(np.any(np.abs(self.samples) > SILENT_BELOW))

    def resampled(self, sample_rate: int) -> "Waveform":
        """Return the sound at another rate; sample 0 stays at the same time."""
        resampler = Resampler(self.sample_rate, sample_rate)
        samples = np.concatenate([resampler.add(self.samples), resampler.end()])
        return Waveform(samples, sample_rate)


@dataclass(frozen=True)
class SoundPiece:
    """Mono sound without a gap."""

    start_seconds: float
    """File seconds, never below 0."""
    samples: np.ndarray
    """float32 [N] in [-1, 1]."""


@dataclass(frozen=True)
class Sound:
    """The sound of a file, or pieces of it, on the clock of the file."""

    pieces: tuple[SoundPiece, ...]
    """In order of time, without overlap; between them there is no sound, or it is not kept."""
    sample_rate: int
    """Hz."""
    total_seconds: float
    """Duration of all sound of the file, kept or not, without gaps."""
    notes: tuple[Reason, ...] = ()

    def waveform(self) -> Waveform:
        """Return one array, sample 0 at file second 0, with silence between the pieces."""
        starts = [round(piece.start_seconds * self.sample_rate) for piece in self.pieces]
        ends = [at + len(piece.samples) for at, piece in zip(starts, self.pieces, strict=True)]
        samples = np.zeros(max(ends, default=0), np.float32)
        for start, end, piece in zip(starts, ends, self.pieces, strict=True):
            samples[start:end] = piece.samples
        return Waveform(samples, self.sample_rate)
