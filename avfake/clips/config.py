"""Settings that decide the content of a prepared clip; their hash is stored in each bundle."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from avfake import config as settings
from avfake.clips.speech import SpeechConfig
from avfake.errors import check_choice, check_ranges
from avfake.faces import (
    BlazeFaceConfig,
    CropConfig,
    DetectConfig,
    FaceDetector,
    TrackConfig,
    make_detector,
)

DETECTORS = ("mtcnn", "blazeface")
PREPROCESSING_VERSION = 3
"""Increased whenever code changes what a clip holds under the same settings."""


@dataclass(frozen=True)
class ClipConfig:
    """Settings of the conversion of a file to a clip."""

    num_frames: int = 32
    """Sampled frames, evenly spread over the file (32: the choice of the DFDC winner)."""
    detector: Literal["mtcnn", "blazeface"] = "mtcnn"
    """Face detector."""
    detect: DetectConfig = field(default_factory=DetectConfig)
    """Settings of mtcnn."""
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
    """Sound that is searched for speech; of longer sound, evenly spread pieces."""
    max_speech_seconds: float = 600.0
    """Speech that is kept; of more speech, evenly spread pieces."""
    max_persons: int = 32
    """Persons that are kept, the most prominent first."""
    max_crops_per_frame: float = 4.0
    """Times `num_frames`: largest number of kept crops of all persons; beyond it each person has
    fewer, evenly spread."""

    def __post_init__(self) -> None:
        check_choice("detector", self.detector, DETECTORS)
        check_ranges(
            self,
            "clip",
            num_frames="[1, 1000]",
            jpeg_quality="[50, 100]",
            sample_rate="[8000, 48000]",
            max_sound_seconds="[1, 7200]",
            max_speech_seconds="[1, 7200]",
            max_persons="[1, 99]",
            max_crops_per_frame="[1, 99]",
        )

    @property
    def hash(self) -> str:
        """12 hex digits of the settings and `PREPROCESSING_VERSION`."""
        deciding = settings.to_dict(self)
        if self.detector == "mtcnn":
            # Not hashed, so that the settings of another detector do not change the hash.
            del deciding["detector"], deciding["blazeface"]
        # "road" is the name under which hashes of existing clips hold the version.
        return settings.fingerprint({"road": PREPROCESSING_VERSION, **deciding})

    def with_blazeface(self, model: Path) -> "ClipConfig":
        """Return these settings with BlazeFace as the detector, and keep a copy of its model."""
        return replace(self, detector="blazeface", blazeface=self.blazeface.with_model(model))

    def face_detector(self, *, device: str = "cpu") -> FaceDetector:
        """Return the detector; ConfigError if its model or runtime is missing."""
        wanted = self.blazeface if self.detector == "blazeface" else self.detect
        return make_detector(wanted, device=device)
