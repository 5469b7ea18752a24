"""Faces in single frames, found by BlazeFace (Bazarevsky et al. 2019, arXiv 1907.05047).

The network takes a square of 128 to 256 px, so large frames are searched in tiles. It runs on the
TFLite runtime (`pip install 'avfake[blazeface]'`) from a model file that the user provides; copies
of such files are kept under their SHA-256, which the settings name. See docs/blazeface.md.
"""

import hashlib
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from avfake.errors import ConfigError, check_ranges
from avfake.faces.types import Detections, check_frames


def model_folder() -> Path:
    """Return the folder of the files: `avfake/face_models` below XDG_CACHE_HOME or ~/.cache."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "avfake" / "face_models"


def find_model(sha256: str) -> Path:
    """Return the kept file with this hash; ConfigError if there is none, or it was altered."""
    if not sha256:
        raise ConfigError(
            "BlazeFace needs a model file: avfake prepare ... --detector blazeface "
            "--detector-model FILE.tflite"
        )
    path = model_folder() / sha256
    if not path.is_file():
        raise ConfigError(
            f"the face model with SHA-256 {sha256} is not on this machine; copy the file that was "
            f"given to avfake prepare --detector-model to {path}"
        )
    found = hashlib.sha256(path.read_bytes()).hexdigest()
    if found != sha256:
        raise ConfigError(f"{path} was altered (its SHA-256 is {found}); copy it there again")
    return path


Network = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""float32 [1, S, S, 3] in [-1, 1] -> raw boxes [A, 16] and raw scores [A]."""
GRIDS = {896: ((16, 2), (8, 6)), 2304: ((48, 1),)}
"""Number of anchors of a model -> cells per side and anchors per cell of each layer. 896: the
short-range models of 128 and 256 px; 2304: the full-range model of 192 px."""
MOUTH_WIDTH = 0.82
"""Share of the eye distance: the median of MTCNN over 57 frames of real clips. BlazeFace finds only
the middle of a mouth; the corners are set at both sides of it."""


@dataclass(frozen=True)
class BlazeFaceConfig:
    """Settings of BlazeFace: what counts as a face."""

    model_sha256: str = ""
    """SHA-256 of the model file (.tflite), whose path differs by machine; see `with_model`."""
    min_confidence: float = 0.5
    max_overlap: float = 0.3
    """Boxes that share more than this (intersection over union) are averaged to one face."""
    levels: int = 1
    """Sizes of tiles: squares of the frame's shorter side, of half of it, and so on. Each level
    finds faces half as large as the one before, at several times its time and false alarms."""

    def __post_init__(self) -> None:
        if self.model_sha256 and not re.fullmatch("[0-9a-f]{64}", self.model_sha256):
            raise ConfigError(f"model_sha256 must be 64 hex digits, got {self.model_sha256!r}")
        intervals = {"min_confidence": "(0, 1)", "max_overlap": "(0, 1)", "levels": "[1, 4]"}
        check_ranges(self, "blazeface", **intervals)

    def with_model(self, path: str | Path) -> "BlazeFaceConfig":
        """Return these settings with a model file, of which a copy is kept; ConfigError if not."""
        try:
            content = Path(path).read_bytes()
            sha256 = hashlib.sha256(content).hexdigest()
            kept = model_folder() / sha256
            if not kept.is_file() or kept.read_bytes() != content:  # a copy that was broken off
                kept.parent.mkdir(parents=True, exist_ok=True)
                kept.write_bytes(content)
        except OSError as error:
            raise ConfigError(
                f"the face model {path} cannot be read, or not be copied to {model_folder()}: "
                f"{error.strerror}"
            ) from error
        return replace(self, model_sha256=sha256)


class BlazeFaceDetector:
    """BlazeFace over tiles of a frame."""

    name = "blazeface"

    def __init__(
        self, config: BlazeFaceConfig, *, network: Network | None = None, side_px: int = 128
    ) -> None:
        """network: used instead of the model file, with the side of its input square."""
        self.config = config
        if network is None:
            network, side_px = _load(config.model_sha256)
        self._network, self._side = network, side_px

    def detect(self, frames: np.ndarray) -> list[Detections]:
        """Return one `Detections` for each frame. frames: uint8 [T, H, W, 3] RGB."""
        check_frames(frames)
        return [self._detect_one(frame) for frame in frames]

    def _detect_one(self, frame: np.ndarray) -> Detections:
        height, width = frame.shape[:2]
        found = [self._in_tile(frame, tile) for tile in tiles(height, width, self.config.levels)]
        shapes, confidences = (np.concatenate(column) for column in zip(*found, strict=True))
        return to_detections(*blend(shapes, confidences, max_overlap=self.config.max_overlap))

    def _in_tile(
        self, frame: np.ndarray, tile: tuple[int, int, int]
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return points float64 [K, 8, 2] px of the frame and confidences [K] of a tile's faces."""
        left, top, side = tile
        region = Image.fromarray(frame[top : top + side, left : left + side])
        square = np.asarray(region.resize((self._side, self._side), Image.Resampling.BILINEAR))
        raw, logits = self._network((square[None] / np.float32(127.5) - 1).astype(np.float32))
        confidences = 1 / (1 + np.exp(-np.clip(logits.astype(np.float64), -100, 100)))
        kept = confidences >= self.config.min_confidence
        points = decode(raw, side_px=self._side)[kept] * side + [left, top]
        whole = ~is_cut(points, tile, frame.shape[:2])
        return points[whole], confidences[kept][whole]


def tiles(height: int, width: int, levels: int) -> Iterator[tuple[int, int, int]]:
    """Yield left, top and side in px of squares that cover a frame, the largest first.

    Neighbours share at least half, so that a face up to half a tile lies whole in one of them.
    """
    for level in range(levels):
        side = max(1, min(height, width) // 2**level)
        tops, lefts = (_starts(length, side) for length in (height, width))
        yield from ((left, top, side) for top in tops for left in lefts)


def _starts(length: int, side: int) -> list[int]:
    count = 1 + -(-(length - side) // max(1, side // 2))
    starts: list[int] = np.linspace(0, length - side, count).round().astype(int).tolist()
    return starts


def anchors(count: int) -> np.ndarray:
    """Return float64 [A, 2]: x, y in [0, 1] of the centre of each anchor, in network order."""
    if count not in GRIDS:
        raise ConfigError(
            f"the face model has {count} anchors; known are BlazeFace models with "
            f"{' or '.join(map(str, GRIDS))}"
        )
    layers = []
    for cells, per_cell in GRIDS[count]:
        middles = (np.arange(cells) + 0.5) / cells
        y, x = np.meshgrid(middles, middles, indexing="ij")
        layers.append(np.stack([x, y], axis=-1).reshape(-1, 2).repeat(per_cell, axis=0))
    return np.concatenate(layers)


def decode(raw: np.ndarray, *, side_px: int) -> np.ndarray:
    """Return float64 [A, 8, 2] in shares of the square: two corners of the box, then six points.

    raw: [A, 16] px from the anchor: middle, width and height, then eyes (the left one as seen in
    the picture first), nose, middle of the mouth, ears.
    """
    pairs = raw.reshape(-1, 8, 2).astype(np.float64) / side_px
    middle, half = anchors(len(raw)) + pairs[:, 0], pairs[:, 1] / 2
    points = pairs[:, 2:] + anchors(len(raw))[:, None]
    return np.concatenate([np.stack([middle - half, middle + half], axis=1), points], axis=1)


def is_cut(
    points: np.ndarray, tile: tuple[int, int, int], frame_size: tuple[int, int]
) -> np.ndarray:
    """Return bool [K]: whether the box touches a tile border inside of the frame.

    Such a face is complete in another tile; half of it would be detected as a smaller face.
    """
    left, top, side = tile
    height, width = frame_size
    low, high = points[:, 0], points[:, 1]
    near, corner = 0.01 * side, np.array([left, top])
    inner = np.array([left > 0, top > 0, left + side < width, top + side < height])
    beyond = np.concatenate([low < corner + near, high > corner + side - near], axis=1)
    result: np.ndarray = (beyond & inner).any(axis=1)
    return result


def blend(
    points: np.ndarray, confidences: np.ndarray, *, max_overlap: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return points [K, 8, 2] and confidences [K], one for each face, most confident first.

    Suppression by averaging (section 3.3 of the paper): predictions that overlap the best one are
    averaged with it by confidence, which flickers less from frame to frame than the best alone.
    """
    order = np.argsort(-confidences, kind="stable")
    low, high = points[:, 0], points[:, 1]
    areas = np.prod((high - low).clip(0), axis=1)
    faces, certain = [], []
    while len(order):
        best = order[0]
        sides = np.minimum(high[best], high[order]) - np.maximum(low[best], low[order])
        shared = np.prod(sides.clip(0), axis=1)
        same = shared > max_overlap * (areas[best] + areas[order] - shared)
        same[0] = True
        faces.append(np.average(points[order[same]], axis=0, weights=confidences[order[same]]))
        certain.append(confidences[best])
        order = order[~same]
    return np.array(faces).reshape(-1, *points.shape[1:]), np.array(certain)


def to_detections(points: np.ndarray, confidences: np.ndarray) -> Detections:
    """Convert to the five points that all detectors return."""
    left_eye, right_eye, nose, mouth = (points[:, i] for i in range(2, 6))
    aside = (right_eye - left_eye) * MOUTH_WIDTH / 2
    landmarks = np.stack([left_eye, right_eye, nose, mouth - aside, mouth + aside], axis=1)
    parts = (points[:, :2].reshape(-1, 4), confidences, landmarks)
    return Detections(*(part.astype(np.float32) for part in parts))


def _load(sha256: str) -> tuple[Network, int]:
    path = find_model(sha256)
    try:
        from ai_edge_litert.interpreter import Interpreter
    except ImportError as error:
        raise ConfigError(
            f"BlazeFace needs the TFLite runtime: pip install 'avfake[blazeface]' ({error})"
        ) from error
    try:
        interpreter = Interpreter(str(path), num_threads=1)
        interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        raise ConfigError(f"{path} cannot be run as a TFLite model: {error}") from error
    [source] = interpreter.get_input_details()
    outputs = sorted(interpreter.get_output_details(), key=lambda one: int(one["shape"][-1]))
    if len(outputs) != 2 or [int(one["shape"][-1]) for one in outputs] != [1, 16]:
        raise ConfigError(
            f"{path} is no BlazeFace model: its outputs are not scores and 16 numbers"
        )
    anchors(int(outputs[0]["shape"][1]))  # refused here, not at the first frame

    def network(square: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        interpreter.set_tensor(source["index"], square)
        interpreter.invoke()
        scores, raw = (interpreter.get_tensor(one["index"])[0] for one in outputs)
        return raw, scores[:, 0]

    return network, int(source["shape"][1])
