"""What decides the content of a prepared clip; its fingerprint travels with every detector."""

from dataclasses import dataclass, field

from avfake import settings
from avfake.errors import ConfigError
from avfake.faces import CropConfig, DetectConfig, TrackConfig

ROAD_VERSION = 1
"""Raised whenever the code of the road changes what a clip holds under the same settings."""


@dataclass(frozen=True)
class ClipConfig:
    """How a file becomes a clip."""

    num_frames: int = 32
    """Frames looked at, evenly spread over the file (32: the DFDC winner's choice)."""
    detect: DetectConfig = field(default_factory=DetectConfig)
    track: TrackConfig = field(default_factory=TrackConfig)
    crop: CropConfig = field(default_factory=CropConfig)
    jpeg_quality: int = 95
    """Crops are stored as JPEG 4:4:4, so that colour seams survive."""
    sample_rate: int = 16_000
    """Hz; vocoders leave traces above 4 kHz, so not lower."""
    max_sound_seconds: float = 60.0
    """Sound beyond this is not kept."""
    min_sound_seconds: float = 0.5
    """Less sound than this is not judged."""

    def __post_init__(self) -> None:
        ranges = {
            "num_frames": (1, 1000),
            "jpeg_quality": (50, 100),
            "sample_rate": (8_000, 48_000),
            "max_sound_seconds": (1.0, 3600.0),
            "min_sound_seconds": (0.1, 10.0),
        }
        for name, (low, high) in ranges.items():
            value = getattr(self, name)
            if not low <= value <= high:
                raise ConfigError(f"{name} is {value}; allowed: {low} to {high}")

    @property
    def hash(self) -> str:
        """12 hex digits of the settings and the version of the road."""
        return settings.fingerprint({"road": ROAD_VERSION, **settings.to_dict(self)})
