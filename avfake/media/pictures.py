"""From a decoded picture to the pixels that a player shows: upright, square, RGB, of one size."""

import io
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import av
import numpy as np
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from PIL import Image

from avfake.media.clock import MediaStream

EXIF_ORIENTATION = 0x0112
UNREADABLE = (
    *(OSError, EOFError, ValueError, KeyError, TypeError, SyntaxError, OverflowError),
    *(struct.error, Image.DecompressionBombError),
)
"""Exceptions of Pillow on damaged EXIF data."""


@dataclass(frozen=True)
class Orientation:
    """One of the eight orientations: transposed or not, then two flips."""

    is_transposed: bool = False
    flips_columns: bool = False
    """Whether left and right are swapped, after the transposition."""
    flips_rows: bool = False

    @property
    def rotation_degrees(self) -> int:
        """Clockwise rotation, after the mirroring if there is one."""
        if self.is_transposed:
            return 90 if self.flips_columns else 270
        return 180 if self.flips_rows else 0

    @property
    def is_mirrored(self) -> bool:
        """Whether left and right are swapped, before the rotation."""
        return self.is_transposed ^ self.flips_columns ^ self.flips_rows

    def applied(self, pixels: np.ndarray) -> np.ndarray:
        """Return [H, W, ...] as it is shown."""
        shown = pixels.swapaxes(0, 1) if self.is_transposed else pixels
        rows, columns = (-1 if flips else 1 for flips in (self.flips_rows, self.flips_columns))
        return np.ascontiguousarray(shown[::rows, ::columns])

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Return width and height as shown, for those that are stored."""
        return (height, width) if self.is_transposed else (width, height)


def _of_matrix(matrix: bytes) -> Orientation:
    """Read 9 numbers in rows; a picture's point (x, y) is shown at (a x + c y, b x + d y)."""
    a, b, _, c, d, *_ = struct.unpack("=9i", matrix)
    if abs(b) + abs(c) > abs(a) + abs(d):
        return Orientation(True, flips_columns=c < 0, flips_rows=b < 0)
    return Orientation(False, flips_columns=a < 0, flips_rows=d < 0)


def _of_exif(stored: bytes | None) -> Orientation:
    try:
        with Image.open(io.BytesIO(stored or b"")) as picture:
            value = picture.getexif().get(EXIF_ORIENTATION, 1)
    except UNREADABLE:
        value = 1
    if value not in range(1, 9):
        return Orientation()
    return Orientation(value > 4, *FLIPS[(value - 1) % 4])


FLIPS = ((False, False), (True, False), (True, True), (False, True))
"""Flips of columns and rows for the EXIF values 1 to 4, and transposed for 5 to 8."""


MAX_PIXEL_ASPECT = 8.0
"""A header with a larger aspect, or one below its inverse, is taken to be damaged."""
MAX_FRAMES_HELD = 16
"""Pictures that a decoder may hold back to put them into order."""
WITH_EXIF = {"mjpeg", "png", "apng", "webp", "tiff"}
"""Codecs whose pictures may carry EXIF data."""
Size = tuple[int, int]
"""Width and height as shown, px."""


@dataclass(frozen=True)
class Picture:
    """A decoded picture, and how it is shown."""

    seconds: float
    frame: VideoFrame
    aspect: float
    """Width of its pixels over their height."""
    stored: bytes | None = None
    """Bytes of the picture in the file, if it may hold EXIF data."""

    @cached_property
    def orientation(self) -> Orientation:
        """Return the orientation by the display matrix or EXIF data."""
        try:
            matrix = self.frame.side_data["DISPLAYMATRIX"]  # type: ignore[typeddict-item]
        except KeyError:
            return Orientation()
        except ValueError:
            # PyAV has no name for EXIF data, and gives no side data at all where there is some.
            return _of_exif(self.stored)
        return _of_matrix(bytes(matrix))

    @property
    def size(self) -> Size:
        """Size as shown. The aspect is that of the stored picture, before it is rotated."""
        width = max(1, round(self.frame.width * self.aspect))
        return self.orientation.size(width, self.frame.height)

    def pixels(self, screen: Size) -> np.ndarray:
        """Return uint8 [H, W, 3] RGB of the screen's size, by the colour matrix of the frame.

        A picture of another size is scaled to fit, as in a player's window, with black beside it:
        faces keep their proportions, and their position if only the resolution has changed.
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


class PixelAspect:
    """The aspect of pixels, picture by picture: it may change inside a stream."""

    def __init__(self, stream: VideoStream) -> None:
        self.stream = stream
        self._shown = _sensible(stream.sample_aspect_ratio)
        self._coded: float | None = None
        self._size: Size | None = None
        self._waited = 0

    def of(self, frame: VideoFrame) -> float:
        """Return the aspect of the next picture that came out of the decoder.

        The aspect of the container holds for the first pictures. If the coded pictures state
        another one later, that counts from the next key frame on, because the decoder reports it
        before it returns the pictures that it held back.
        """
        coded = _sensible(self.stream.codec_context.sample_aspect_ratio)
        size = (frame.width, frame.height)
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
    """Return the stated aspect, or 1 if it is not plausible."""
    aspect = float(stated or 1)  # type: ignore[arg-type]
    return aspect if 1 / MAX_PIXEL_ASPECT <= aspect <= MAX_PIXEL_ASPECT else 1.0


NUM_KEY_FRAMES = 16
"""At most this many are decoded."""


class Sizes:
    """The largest picture size of a stream, from key frames spread evenly over the file."""

    def __init__(self, streams: Sequence[MediaStream], num_bytes: int) -> None:
        self.size: Size | None = None
        """Smallest size that holds all pictures as shown; None before one was decoded."""
        videos = [stream for stream in streams if isinstance(stream, VideoStream)]
        self._aspect = PixelAspect(videos[0]) if videos else None
        self._step, self._next = num_bytes / NUM_KEY_FRAMES, 0.0

    def add(self, packet: Packet) -> None:
        if self._aspect is None or packet.stream is not self._aspect.stream:
            return
        if not packet.is_keyframe or packet.pos is None or packet.pos < self._next:
            return
        self._next = (packet.pos // self._step + 1) * self._step
        stream = self._aspect.stream
        try:
            frames = stream.decode(packet) + stream.decode(None)
        except av.error.FFmpegError:
            frames = []
        stream.codec_context.flush_buffers()
        for frame in frames:
            size = Picture(0.0, frame, self._aspect.of(frame), bytes(packet)).size
            before = self.size or size
            self.size = (max(size[0], before[0]), max(size[1], before[1]))
