"""How a stored picture is turned and mirrored before it is shown."""

import io
import struct
from dataclasses import dataclass

import numpy as np
from av.video.frame import VideoFrame
from PIL import Image

EXIF_ORIENTATION = 0x0112
UNREADABLE = (
    *(OSError, EOFError, ValueError, KeyError, TypeError, SyntaxError, OverflowError),
    *(struct.error, Image.DecompressionBombError),
)
"""What Pillow raises on damaged EXIF data."""


@dataclass(frozen=True)
class Orientation:
    """One of the eight ways: rows and columns changed for each other or not, then two flips."""

    is_transposed: bool = False
    flips_columns: bool = False
    """Left becomes right, after the transposition."""
    flips_rows: bool = False

    @property
    def rotation_degrees(self) -> int:
        """Clockwise turn, after the mirroring if there is one."""
        if self.is_transposed:
            return 90 if self.flips_columns else 270
        return 180 if self.flips_rows else 0

    @property
    def is_mirrored(self) -> bool:
        """Whether left and right are changed for each other, before the turn."""
        return self.is_transposed ^ self.flips_columns ^ self.flips_rows

    def applied(self, pixels: np.ndarray) -> np.ndarray:
        """[H, W, ...] as it is shown."""
        shown = pixels.swapaxes(0, 1) if self.is_transposed else pixels
        rows = slice(None, None, -1 if self.flips_rows else None)
        columns = slice(None, None, -1 if self.flips_columns else None)
        return np.ascontiguousarray(shown[rows, columns])

    def size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height as shown, of a picture stored with these."""
        return (height, width) if self.is_transposed else (width, height)


def orientation_of(frame: VideoFrame, stored: bytes | None) -> Orientation:
    """What the display matrix of a decoded picture says.

    stored: the picture as it lies in the file, if it is one that may hold EXIF data.
    """
    try:
        return _of_matrix(bytes(frame.side_data["DISPLAYMATRIX"]))  # type: ignore[typeddict-item]
    except KeyError:
        return Orientation()
    except ValueError:
        # PyAV has no name for EXIF data, and gives no side data at all where there is some.
        return _of_exif(stored)


def _of_matrix(matrix: bytes) -> Orientation:
    """Of 9 numbers in rows; a picture's point (x, y) is shown at (a x + c y, b x + d y)."""
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
    return BY_EXIF.get(value, Orientation())


BY_EXIF = {
    1: Orientation(),
    2: Orientation(flips_columns=True),
    3: Orientation(flips_columns=True, flips_rows=True),
    4: Orientation(flips_rows=True),
    5: Orientation(True),
    6: Orientation(True, flips_columns=True),
    7: Orientation(True, flips_columns=True, flips_rows=True),
    8: Orientation(True, flips_rows=True),
}
"""Value of the EXIF tag -> what it asks for."""
