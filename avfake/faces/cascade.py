"""Faces in pictures by the three stages of MTCNN (Zhang et al. 2016, IEEE SPL 23/10, section II).

Written for clips on a CPU: the small pictures of all candidates are cut in few calls, and a search
may be restricted to the positions and sizes where faces are expected. Boxes are x0, y0, x1, y1 px.
"""

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch

from avfake.faces.integral import Integral, bins
from avfake.faces.networks import Networks, batched_nms
from avfake.faces.stages import Stages
from avfake.faces.types import Detections

CELL, STRIDE = 12, 2
"""Side in px of the windows that the first network takes, and their distance."""
MAX_OVERLAPS = (0.5, 0.7, 0.7, 0.7)
"""Overlap of two candidates of one level, of all levels, and after the second stage (intersection
over union); after the third, as a share of the smaller one."""
LEVEL_PIXELS = 150_000
"""Size of the pictures that go through the first network at once; more is slower."""
CUT_TOGETHER = 256
"""Candidates or surroundings that go through a network at once; bounds the memory."""
WHOLE_PIXELS = 6_500
"""Levels of no more pixels are always searched everywhere: faces from about an eighth of a frame's
larger side on."""
NEAR_PX = 40
"""Side of the picture in which an expected face is looked for; it is about CELL px large there."""
NEAR_SIZES = (0.6, 1.7)
"""Expected sides, in windows, for which a level is looked at."""


@dataclass(frozen=True)
class Level:
    """One of the sizes in which the first network looks at pictures."""

    scale: float
    size: tuple[int, int]
    """Height and width."""

    @property
    def pixels(self) -> int:
        """Number of pixels of a picture of this size."""
        return self.size[0] * self.size[1]


def pyramid(height: int, width: int, smallest: float, factor: float) -> list[Level]:
    """Return the levels for faces from `smallest` px on, those for the smallest first."""
    levels, scale = [], CELL / smallest
    while min(height, width) * scale >= CELL:
        levels.append(Level(scale, (int(height * scale + 1), int(width * scale + 1))))
        scale *= factor
    return levels


@dataclass(frozen=True)
class Candidates:
    """K boxes in several pictures."""

    frames: torch.Tensor
    """int64 [K]."""
    boxes: torch.Tensor
    """float32 [K, 4] px."""
    confidences: torch.Tensor
    """float32 [K]."""
    shifts: torch.Tensor
    """float32 [K, 4]: what a network wants its corners moved by, as shares of the sides."""

    def __len__(self) -> int:
        return len(self.frames)

    def __getitem__(self, kept: torch.Tensor | slice) -> "Candidates":
        columns = (self.frames, self.boxes, self.confidences, self.shifts)
        return Candidates(*(column[kept] for column in columns))

    def distinct(self, max_overlap: float) -> "Candidates":
        """Return those that remain of each frame, the most confident first."""
        return self[batched_nms(self.boxes, self.confidences, self.frames, max_overlap)]

    @classmethod
    def joined(cls, parts: list["Candidates"]) -> "Candidates":
        """Return the candidates of one or more parts."""
        names = ("frames", "boxes", "confidences", "shifts")
        return cls(*(torch.cat([getattr(part, name) for part in parts]) for name in names))

    def shifted(self, border: int) -> torch.Tensor:
        """Return the moved boxes. border: 1 where a network counts the last px as inside."""
        sides = self.boxes[:, 2:] - self.boxes[:, :2] + border
        return self.boxes + self.shifts * sides.repeat(1, 2)


class Cascade:
    """The three stages with their thresholds."""

    def __init__(self, networks: Networks, thresholds: tuple[float, float, float]) -> None:
        """networks: of which the weights are used."""
        self._stages = Stages(networks)
        self._thresholds = thresholds

    def search(self, pictures: Integral, levels: list[Level]) -> list[Detections]:
        """Return the faces of each picture that the levels allow, most confident first."""
        return self._confirmed(pictures, [self._everywhere(pictures, one) for one in levels])

    def look(
        self, pictures: Integral, levels: list[Level], expected: list[np.ndarray]
    ) -> list[Detections]:
        """Return the faces of each picture near expected ones, and large ones wherever they are.

        expected: float32 [E, 4] of each picture.
        """
        counts = torch.tensor([len(boxes) for boxes in expected])
        frames = torch.arange(len(expected)).repeat_interleave(counts).to(pictures.device)
        boxes = torch.from_numpy(np.concatenate(expected)).to(pictures.device)
        sides = (boxes[:, 2:] - boxes[:, :2]).amax(1)
        found = []
        for level in levels:
            if level.pixels <= WHOLE_PIXELS:
                found.append(self._everywhere(pictures, level))
                continue
            ratios = sides * level.scale / CELL
            near = torch.nonzero((ratios > NEAR_SIZES[0]) & (ratios < NEAR_SIZES[1]))[:, 0]
            found += [
                self._around(pictures, level, frames[some], boxes[some])
                for some in near.split(CUT_TOGETHER)
                if len(some)
            ]
        return self._confirmed(pictures, found)

    def _everywhere(self, pictures: Integral, level: Level) -> Candidates:
        step = max(1, LEVEL_PIXELS // level.pixels)
        parts = []
        for start in range(0, pictures.count, step):
            seen = pictures.resized(slice(start, start + step), level.size)
            frames = torch.arange(start, start + len(seen), device=seen.device)
            corners = torch.zeros(len(seen), 2, dtype=torch.int64, device=seen.device)
            parts.append(self._proposed(seen, frames, corners, level))
        return Candidates.joined(parts)

    def _around(
        self, pictures: Integral, level: Level, frames: torch.Tensor, boxes: torch.Tensor
    ) -> Candidates:
        """Return candidates of the parts of a level that surround boxes."""
        middles = (boxes[:, :2] + boxes[:, 2:]) / 2 * level.scale
        spans, corners = [], []
        for axis, full in enumerate((pictures.height, pictures.width)):
            extent = min(NEAR_PX, level.size[axis])
            firsts = (middles[:, 1 - axis] - extent / 2).round().long()
            firsts = firsts.clamp(0, level.size[axis] - extent)
            firsts = firsts.div(STRIDE, rounding_mode="floor") * STRIDE  # windows as everywhere
            ends = torch.tensor([0, full], device=boxes.device)
            cells = firsts[:, None] + torch.arange(extent, device=boxes.device)
            spans.append(bins(ends[:1], ends[1:], level.size[axis])[:, 0][:, cells])
            corners.append(firsts)
        seen = pictures.sampled(frames, *spans)
        return self._proposed(seen, frames, torch.stack(corners, 1), level)

    def _proposed(
        self, seen: torch.Tensor, frames: torch.Tensor, corners: torch.Tensor, level: Level
    ) -> Candidates:
        """Return the candidates of parts of a level. corners: int64 [N, 2] y, x of each part."""
        confidences, shifts = self._stages.propose(seen)
        positions = (confidences >= self._thresholds[0]).nonzero(as_tuple=True)
        which, windows = positions[0], STRIDE * torch.stack(positions[1:], 1)
        firsts = (windows + corners[which]).flip(1)  # y, x -> x, y
        edges = [((firsts + edge) / level.scale).floor() for edge in (1, CELL)]
        boxes = torch.cat(edges, 1).float()
        found = Candidates(frames[which], boxes, confidences[positions], shifts[positions])
        return found.distinct(MAX_OVERLAPS[0])

    def _confirmed(self, pictures: Integral, proposed: list[Candidates]) -> list[Detections]:
        """Return the faces among the candidates of the first stage."""
        if not sum(map(len, proposed)):
            return [NO_FACES] * pictures.count
        found = Candidates.joined(proposed).distinct(MAX_OVERLAPS[1])
        found = self._assessed(pictures, _squares(found, found.shifted(border=0)), stage=1)[0]
        found = found.distinct(MAX_OVERLAPS[2])
        squares = _squares(found, found.shifted(border=1))
        found, points = self._assessed(pictures, squares, stage=2)
        sides = found.boxes[:, 2:] - found.boxes[:, :2] + 1
        positions = (points * sides[:, :, None] + found.boxes[:, :2, None] - 1).transpose(1, 2)
        columns = (found.frames, found.shifted(border=1), found.confidences, positions)
        frames, *faces = (column.cpu().numpy() for column in columns)
        return [
            _distinct_faces(*(column[frames == frame] for column in faces))
            for frame in range(pictures.count)
        ]

    def _assessed(
        self, pictures: Integral, found: Candidates, *, stage: Literal[1, 2]
    ) -> tuple[Candidates, torch.Tensor]:
        """Return the candidates that the second or third network confirms, and points [K, 2, 5]."""
        edges = torch.tensor([pictures.width, pictures.height], device=pictures.device)
        # Boxes count px from 1 and include their last one.
        low = found.boxes[:, :2].long().clamp(min=1) - 1
        high = torch.minimum(found.boxes[:, 2:].long(), edges)
        inside = (high > low).all(1)
        found, regions = found[inside], torch.cat([low, high], 1)[inside]
        kept, points = [found[:0]], [found.boxes.new_zeros(0, 2, 5)]  # networks refuse no pictures
        for start in range(0, len(found), CUT_TOGETHER):
            some = found[start : start + CUT_TOGETHER]
            seen = pictures.cut(some.frames, regions[start : start + CUT_TOGETHER], 24 * stage)
            confidences, shifts, positions = self._stages.assess(seen)
            sure = confidences > self._thresholds[stage]
            assessed = Candidates(some.frames, some.boxes, confidences, shifts)
            kept.append(assessed[sure])
            points.append(positions[sure])
        return Candidates.joined(kept), torch.cat(points)


NO_FACES = Detections(*(np.zeros(shape, np.float32) for shape in ((0, 4), (0,), (0, 5, 2))))


def _squares(found: Candidates, boxes: torch.Tensor) -> Candidates:
    """Return candidates with the squares around these boxes, of their larger side."""
    middles = (boxes[:, :2] + boxes[:, 2:]) / 2
    halves = (boxes[:, 2:] - boxes[:, :2]).amax(1, keepdim=True) / 2
    return replace(found, boxes=torch.cat([middles - halves, middles + halves], 1))


def _distinct_faces(boxes: np.ndarray, confidences: np.ndarray, points: np.ndarray) -> Detections:
    """Return the most confident of boxes that share too much of the smaller one."""
    areas = np.prod(boxes[:, 2:] - boxes[:, :2] + 1, axis=1)
    order = np.argsort(-confidences, kind="stable")
    kept = []
    while len(order):
        best, others = order[0], order[1:]
        kept.append(best)
        low = np.maximum(boxes[best, :2], boxes[others, :2])
        high = np.minimum(boxes[best, 2:], boxes[others, 2:])
        shared = np.prod((high - low + 1).clip(0), axis=1)
        order = others[shared <= MAX_OVERLAPS[3] * np.minimum(areas[best], areas[others])]
    return Detections(*(column[kept] for column in (boxes, confidences, points)))
