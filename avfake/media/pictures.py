"""From a decoded picture to the pixels a viewer sees: upright, square, RGB, on one screen."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from avfake.media.orientation import Orientation, orientation_of

MAX_PIXEL_ASPECT = 8.0
"""Beyond it, or its inverse, the header is taken to be damaged."""
MAX_FRAMES_HELD = 16
"""So many pictures a decoder may hold back, to put them into order."""
WITH_EXIF = {"mjpeg", "png", "apng", "webp", "tiff"}
"""Codecs whose pictures may carry EXIF data."""
Size = tuple[int, int]
"""Width and height as shown, px."""


@dataclass(frozen=True)
class Picture:
    """A decoded picture, and how it is shown."""

    seconds: float
    """Of the file."""
    frame: VideoFrame
    aspect: float
    """Width of its pixels over their height."""
    stored: bytes | None = None
    """A picture as it lies in the file, if it may hold EXIF data."""

    @cached_property
    def orientation(self) -> Orientation:
        return orientation_of(self.frame, self.stored)

    @property
    def size(self) -> Size:
        """As a player shows it. The aspect is that of the stored picture, before it is turned."""
        width = max(1, round(self.frame.width * self.aspect))
        return self.orientation.size(width, self.frame.height)

    def pixels(self, screen: Size) -> np.ndarray:
        """uint8 [H, W, 3] RGB of the screen's size; colour matrix and range as the frame states.

        A picture of another size is made to fit, as in a player's window: scaled as a whole, so
        that faces keep their proportions and, where only the resolution was changed, stay where
        they are; black beside it.
        """
        width, height = self.size
        scale = min(screen[0] / width, screen[1] / height)
        fitted = (max(1, round(width * scale)), max(1, round(height * scale)))
        stored_width, stored_height = self.orientation.size(*fitted)
        stored = self.frame.to_ndarray(format="rgb24", width=stored_width, height=stored_height)
        upright = self.orientation.applied(stored)
        if fitted == screen:
            return upright
        shown = np.zeros((screen[1], screen[0], 3), np.uint8)
        left, top = (screen[0] - fitted[0]) // 2, (screen[1] - fitted[1]) // 2
        shown[top : top + fitted[1], left : left + fitted[0]] = upright
        return shown


class Screen:
    """The one size in which all pictures of a file are shown.

    It is as wide and as high as the largest that are known of, so that none is made smaller: of a
    stream that grows, as a call does on a better line, the larger pictures tell more.
    """

    def __init__(self, size: Size | None = None) -> None:
        self._size = size

    @property
    def size(self) -> Size:
        """That of the first picture, if nothing else is known; ValueError before one was seen."""
        if self._size is None:
            raise ValueError("no picture was seen yet")
        return self._size

    def show(self, picture: Picture) -> np.ndarray:
        """uint8 [H, W, 3] RGB."""
        return picture.pixels(self.size)

    def see(self, picture: Picture) -> None:
        """Take the size of the first picture, if none is known."""
        self._size = self._size or picture.size


class PixelAspect:
    """The aspect of pixels, picture by picture: it may change inside a stream."""

    def __init__(self, stream: VideoStream) -> None:
        self._codec = stream.codec_context
        self._shown = _sensible(stream.sample_aspect_ratio)
        self._coded: float | None = None
        self._size: Size | None = None
        self._waited = 0

    def of(self, frame: VideoFrame) -> float:
        """Of the next picture that came out of the decoder.

        The container's word holds for the pictures it begins with. Where the coded pictures give
        another aspect later on, that counts, from the key frame on: the decoder tells of it early,
        while it still gives out pictures that it held back.
        """
        coded, size = _sensible(self._codec.sample_aspect_ratio), (frame.width, frame.height)
        if self._coded is None:
            self._coded, self._size = coded, size
        if coded != self._coded:
            self._waited += 1
            if frame.key_frame or size != self._size or self._waited > MAX_FRAMES_HELD:
                self._shown = self._coded = coded
                self._waited = 0
        self._size = size
        return self._shown


def _sensible(stated: object) -> float:
    """1 where nothing sensible is stated."""
    aspect = float(stated or 1)  # type: ignore[arg-type]
    return aspect if 1 / MAX_PIXEL_ASPECT <= aspect <= MAX_PIXEL_ASPECT else 1.0
