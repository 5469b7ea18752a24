"""Faces in frames, found by MTCNN (Zhang et al. 2016, IEEE SPL 23/10)."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F

from avfake.errors import ConfigError, check_ranges
from avfake.faces.blazeface import BlazeFaceConfig, BlazeFaceDetector
from avfake.faces.cascade import CELL, Cascade, pyramid
from avfake.faces.following import search_clip
from avfake.faces.integral import Integral
from avfake.faces.networks import load_networks
from avfake.faces.types import Detections, FaceDetector, check_frames
from avfake.threads import run_each


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
    """Pixels (after scaling) that are held at once; bounds the memory."""
    search_every: int = 8
    """Each n-th sampled frame is searched; between them faces are followed, and searched for only
    where they are not confirmed. 1 searches all."""

    def __post_init__(self) -> None:
        if len(self.thresholds) != 3 or not all(0 < t < 1 for t in self.thresholds):
            raise ConfigError(f"thresholds must be three numbers in (0, 1), got {self.thresholds}")
        check_ranges(self, "detect", min_face_px="[1, inf)", batch_pixels="[1, inf)")
        check_ranges(self, "detect", search_every="[1, inf)")
        check_ranges(self, "detect", pyramid_factor="(0, 1)", min_face_share="[0, 1)")


BEST_PIXELS = 2_000_000
"""Held at once at most, however much memory is allowed: more is slower, for the caches."""


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
    """MTCNN with the weights that come with facenet-pytorch."""

    name = "mtcnn"

    def __init__(
        self, config: DetectConfig | None = None, *, device: str | torch.device = "cpu"
    ) -> None:
        self.config = config or DetectConfig()
        self.device = torch.device(device)
        self._cascade = Cascade(load_networks(self.device), self.config.thresholds)

    @torch.inference_mode()
    def detect(self, frames: np.ndarray) -> list[Detections]:
        """Return one `Detections` for each frame. frames: uint8 [T, H, W, 3] RGB.

        Where `search_every` is above 1, the frames are those of one clip in order of time.
        """
        check_frames(frames)
        search = _ClipSearch(self._cascade, self.config, frames, self.device)
        return search_clip(len(frames), self.config.search_every, search)


class _ClipSearch:
    """Searches frames of one clip, a batch at a time, at the size of detection."""

    def __init__(
        self, cascade: Cascade, config: DetectConfig, frames: np.ndarray, device: torch.device
    ) -> None:
        height, width = frames.shape[1:3]
        self._cascade, self._frames, self._device = cascade, frames, device
        self._scale = detection_scale(height, width)
        self._size = [max(1, round(side * self._scale)) for side in (height, width)]
        smallest = max(config.min_face_px, config.min_face_share * max(height, width))
        smallest = max(float(CELL), smallest * self._scale)
        self._levels = pyramid(self._size[0], self._size[1], smallest, config.pyramid_factor)
        self._together = max(1, min(config.batch_pixels, BEST_PIXELS) // math.prod(self._size))

    def everywhere(self, indices: list[int]) -> list[Detections]:
        """Return all faces of each frame."""
        return self._each(
            indices, lambda batch: self._cascade.search(self._pictures(batch), self._levels)
        )

    def near(self, indices: list[int], expected: list[np.ndarray]) -> list[Detections]:
        """Return the faces near expected boxes [E, 4] of each frame, and large ones anywhere."""
        boxes = dict(zip(indices, expected, strict=True))
        return self._each(
            indices,
            lambda batch: self._cascade.look(
                self._pictures(batch), self._levels, [boxes[i] * self._scale for i in batch]
            ),
        )

    def _each(
        self, indices: list[int], search: Callable[[list[int]], list[Detections]]
    ) -> list[Detections]:
        """Return what a search finds in each frame, a batch at a time."""
        size = self._together
        batches = [indices[start : start + size] for start in range(0, len(indices), size)]
        each = run_each if self._device.type == "cpu" else map
        found = each(lambda batch: self._scaled(search(batch)), batches)
        return [one for batch in found for one in batch]

    def _pictures(self, indices: list[int]) -> Integral:
        """Return frames, scaled without aliasing."""
        frames = (torch.from_numpy(self._frames[i]).to(self._device) for i in indices)
        if self._scale == 1.0:
            return Integral(torch.stack(list(frames)))
        return Integral(torch.cat([self._reduced(frame) for frame in frames]))

    def _reduced(self, frame: torch.Tensor) -> torch.Tensor:
        pixels = frame.permute(2, 0, 1)[None]  # [H, W, 3] -> [1, 3, H, W]
        if pixels.is_cuda:
            pixels = pixels.float()  # uint8 is faster, but supported on the CPU only
        scaled = F.interpolate(pixels, self._size, mode="bilinear", antialias=True)
        return (
            scaled.round().byte().permute(0, 2, 3, 1)
            if pixels.is_cuda
            else scaled.permute(0, 2, 3, 1)
        )

    def _scaled(self, found: list[Detections]) -> list[Detections]:
        """Convert to px of the full-resolution frame."""
        return [
            Detections(one.boxes / self._scale, one.confidences, one.landmarks / self._scale)
            for one in found
        ]


def make_detector(
    config: DetectConfig | BlazeFaceConfig, *, device: str | torch.device = "cpu"
) -> FaceDetector:
    """Return the detector of these settings; ConfigError if its model or runtime is missing."""
    if isinstance(config, BlazeFaceConfig):
        return BlazeFaceDetector(config)  # on the CPU, whatever the device
    return MTCNNDetector(config, device=device)
