"""Faces in single frames, found by MTCNN (Zhang et al. 2016, IEEE SPL 23/10)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch.nn import functional as F

from avfake.errors import ConfigError, check_ranges
from avfake.faces.blazeface import BlazeFaceConfig, BlazeFaceDetector
from avfake.faces.types import Detections, FaceDetector, check_frames


@dataclass(frozen=True)
class DetectConfig:
    """Settings of MTCNN: what counts as a face."""

    thresholds: tuple[float, float, float] = (0.7, 0.8, 0.8)
    """Least confidence of MTCNN's three stages."""
    min_face_px: int = 20
    """Smaller faces are not searched for; px of the full-resolution frame..."""
    min_face_share: float = 0.03
    """...nor those below this share of the frame's larger side; the search for the smallest faces
    takes most of the time."""
    pyramid_factor: float = 0.709
    """Step between the sizes that are searched; 0.709 halves the area."""
    batch_pixels: int = 8_000_000
    """Pixels (after scaling) that go through the network at once; bounds the memory."""

    def __post_init__(self) -> None:
        if len(self.thresholds) != 3 or not all(0 < t < 1 for t in self.thresholds):
            raise ConfigError(f"thresholds must be three numbers in (0, 1), got {self.thresholds}")
        check_ranges(self, "detect", min_face_px="[1, inf)", batch_pixels="[1, inf)")
        check_ranges(self, "detect", pyramid_factor="(0, 1)", min_face_share="[0, 1)")


def detection_scale(height: int, width: int) -> float:
    """Return the factor by which a frame is scaled before the search, from its larger side.

    The rule of the winner of the DFDC: small frames are doubled, so that small faces are found;
    large ones are reduced, because their faces are large and the search takes time per pixel.
    """
    side = max(height, width)
    if side < 300:
        return 2.0
    if side <= 1000:
        return 1.0
    return 0.5 if side <= 1900 else 1 / 3


class MTCNNDetector:
    """MTCNN of facenet-pytorch, whose weights come with the package."""

    name = "mtcnn"

    def __init__(
        self, config: DetectConfig | None = None, *, device: str | torch.device = "cpu"
    ) -> None:
        from facenet_pytorch import MTCNN  # late: the only slow import of this package

        self.config = config or DetectConfig()
        self.device = torch.device(device)
        self._network = MTCNN(
            thresholds=list(self.config.thresholds),
            factor=self.config.pyramid_factor,
            keep_all=True,
            select_largest=False,
            device=self.device,
        ).eval()

    @torch.inference_mode()
    def detect(self, frames: np.ndarray) -> list[Detections]:
        """Return one `Detections` for each frame. frames: uint8 [T, H, W, 3] RGB."""
        check_frames(frames)
        height, width = frames.shape[1:3]
        scale = detection_scale(height, width)
        smallest = max(self.config.min_face_px, self.config.min_face_share * max(height, width))
        # The smallest window of MTCNN is 12 px.
        self._network.min_face_size = max(12.0, smallest * scale)
        size = max(1, int(self.config.batch_pixels / (height * width * scale**2)))
        return [
            found
            for start in range(0, len(frames), size)
            for found in self._detect_batch(frames[start : start + size], scale)
        ]

    def _detect_batch(self, frames: np.ndarray, scale: float) -> list[Detections]:
        batch = _resized(torch.from_numpy(frames).to(self.device), scale)
        if min(batch.shape[1:3]) < self._network.min_face_size:
            return [_normalised(([], [], []), scale)] * len(frames)
        found = self._network.detect(batch, landmarks=True)
        return [_normalised(one, scale) for one in zip(*found, strict=True)]


def _resized(frames: torch.Tensor, scale: float) -> torch.Tensor:
    """Return float32 [T, H, W, 3] in 0..255, scaled without aliasing."""
    pixels = frames.permute(0, 3, 1, 2)  # [T, H, W, 3] -> [T, 3, H, W]
    if scale != 1.0:
        size = [max(1, round(side * scale)) for side in pixels.shape[2:]]
        if pixels.is_cuda:
            pixels = pixels.float()  # uint8 is faster, but supported on the CPU only
        pixels = F.interpolate(pixels, size, mode="bilinear", antialias=True)
    return pixels.permute(0, 2, 3, 1).float()


def _normalised(found: tuple[Any, Any, Any], scale: float) -> Detections:
    """Convert object arrays of MTCNN, or None, to `Detections`, most confident first."""
    boxes, confidences, landmarks = found if found[0] is not None else ([], [], [])
    certain = np.asarray(confidences, np.float32)
    order = np.argsort(-certain, kind="stable")
    corners, points = (
        np.asarray(given, np.float32).reshape(-1, *shape) / scale
        for given, shape in ((boxes, (4,)), (landmarks, (5, 2)))
    )
    return Detections(corners[order], certain[order], points[order])


def make_detector(
    config: DetectConfig | BlazeFaceConfig, *, device: str | torch.device = "cpu"
) -> FaceDetector:
    """Return the detector of these settings; ConfigError if its model or runtime is missing."""
    if isinstance(config, BlazeFaceConfig):
        return BlazeFaceDetector(config)  # on the CPU, whatever the device
    return MTCNNDetector(config, device=device)
