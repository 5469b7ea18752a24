"""What decides the content of a prepared clip; its fingerprint travels with every detector."""

from dataclasses import dataclass, field
from typing import Literal

from avfake import config as settings
from avfake.clips.speech import SpeechConfig
from avfake.errors import ConfigError
from avfake.faces import (
    BlazeFaceConfig,
    BlazeFaceDetector,
    CropConfig,
    DetectConfig,
    FaceDetector,
    MTCNNDetector,
    TrackConfig,
)

DETECTORS = ("mtcnn", "blazeface")
PREPROCESSING_VERSION = 2
"""Raised whenever the code of the road changes what a clip holds under the same settings."""


@dataclass(frozen=True)
class ClipConfig:
    """How a file becomes a clip."""

    num_frames: int = 32
    """Frames looked at, evenly spread over the file (32: the DFDC winner's choice)."""
    detector: Literal["mtcnn", "blazeface"] = "mtcnn"
    """Who finds the faces."""
    detect: DetectConfig = field(default_factory=DetectConfig)
    """Of mtcnn."""
    blazeface: BlazeFaceConfig = field(default_factory=BlazeFaceConfig)
    track: TrackConfig = field(default_factory=TrackConfig)
    crop: CropConfig = field(default_factory=CropConfig)
    jpeg_quality: int = 95
    """Crops are stored as JPEG 4:4:4, so that colour seams survive."""
    sample_rate: int = 16_000
    """Hz; vocoders leave traces above 4 kHz, so not lower."""
    speech: SpeechConfig = field(default_factory=SpeechConfig)
    """Which part of the sound counts as speech; the rest is not kept."""
    max_sound_seconds: float = 1200.0
    """Sound that is searched for speech; of more, pieces spread evenly over the file."""
    max_speech_seconds: float = 600.0
    """Speech that is kept; of more, pieces spread evenly over it."""
    max_persons: int = 32
    """The most prominent persons, who are kept."""
    max_crops_per_frame: float = 4.0
    """Crops of all persons that are kept, times `num_frames`; where there are more, each person
    has fewer, evenly spread."""

    def __post_init__(self) -> None:
        if self.detector not in DETECTORS:
            raise ConfigError(
                f"detector is {self.detector!r}{settings.nearest(self.detector, DETECTORS)}; "
                f"allowed: {', '.join(DETECTORS)}"
            )
        ranges = {
            "num_frames": (1, 1000),
            "jpeg_quality": (50, 100),
            "sample_rate": (8_000, 48_000),
            "max_sound_seconds": (1.0, 7200.0),
            "max_speech_seconds": (1.0, 7200.0),
            "max_persons": (1, 99),
            "max_crops_per_frame": (1.0, 99.0),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ConfigError(f"{name} is {value}; allowed: {low} to {high}")

    @property
    def hash(self) -> str:
        """12 hex digits of the settings and the version of the road."""
        deciding = settings.to_dict(self)
        if self.detector == "mtcnn":
            # Clips of before there was a choice stay what they are.
            del deciding["detector"], deciding["blazeface"]
        return settings.fingerprint({"road": PREPROCESSING_VERSION, **deciding})


def face_detector(config: ClipConfig, *, device: str = "cpu") -> FaceDetector:
    """The detector that a config names; ConfigError if its model or its runtime is not here."""
    if config.detector == "blazeface":
        return BlazeFaceDetector(config.blazeface)  # on the CPU, whatever the device
    return MTCNNDetector(config.detect, device=device)
