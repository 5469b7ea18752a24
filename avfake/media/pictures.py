"""From a decoded picture to the pixels a viewer sees: turned upright, square pixels, RGB."""

from dataclasses import dataclass

import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

MAX_PIXEL_ASPECT = 8.0
"""Beyond it, or its inverse, the header is taken to be damaged."""


@dataclass(frozen=True)
class Display:
    """How the pictures of one stream are shown; one size for all of them."""

    width: int
    """Before turning, px."""
    height: int
    quarter_turns: int
    """Counter-clockwise."""

    @classmethod
    def of(cls, frame: VideoFrame, aspect: float) -> "Display":
        """As the first decoded picture of a stream asks, its pixels being `aspect` wide."""
        turns = round(frame.rotation / 90) % 4
        return cls(max(1, round(frame.width * aspect)), frame.height, turns)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height after turning, px."""
        upright = (self.width, self.height)
        return upright[::-1] if self.quarter_turns % 2 else upright

    def pixels(self, frame: VideoFrame) -> np.ndarray:
        """uint8 [H, W, 3] RGB; colour matrix and range as the frame states them."""
        decoded = frame.to_ndarray(format="rgb24", width=self.width, height=self.height)
        return np.ascontiguousarray(np.rot90(decoded, self.quarter_turns))


def pixel_aspect(stream: VideoStream | None) -> float:
    """Displayed width of a pixel over its height; 1 where nothing sensible is stated."""
    aspect = float((stream and stream.sample_aspect_ratio) or 1)
    return aspect if 1 / MAX_PIXEL_ASPECT <= aspect <= MAX_PIXEL_ASPECT else 1.0
