"""Files whose content is known frame by frame, encoded on the spot."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

TICKS = 90_000


def grey_of(index: int) -> int:
    """The level that stands for frame `index`; far enough apart to survive any codec."""
    return 20 + 7 * index


def numbered_picture(index: int, width: int = 64, height: int = 48) -> np.ndarray:
    """Grey by index; black in the left upper corner, so that turning shows."""
    picture = np.full((height, width, 3), grey_of(index), np.uint8)
    picture[: height // 4, : width // 4] = 0
    return picture


@pytest.fixture(scope="session")
def indices_of() -> Callable[[np.ndarray], list[int]]:
    """Reads the frame numbers back from the right lower corner."""

    def read(pixels: np.ndarray) -> list[int]:
        levels = pixels[:, -8:, -8:].mean(axis=(1, 2, 3))
        return np.round((levels - 20) / 7).astype(int).tolist()

    return read


@pytest.fixture(scope="session")
def make_video() -> Callable[..., Path]:
    """Writes numbered frames with PyAV: `times` in seconds, one a frame."""

    def make(
        path: Path,
        times: Sequence[float],
        *,
        codec: str = "libx264",
        rotation: int = 0,
        aspect: Fraction | None = None,
        options: dict[str, str] | None = None,
        colour: tuple[str, int, int] = ("yuv420p", 0, 0),
        picture: Callable[[int], np.ndarray] = numbered_picture,
    ) -> Path:
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=25, options=options or {})
            stream.height, stream.width = picture(0).shape[:2]
            stream.pix_fmt = colour[0]
            stream.codec_context.time_base = Fraction(1, 25 if codec != "libx264" else TICKS)
            if rotation:
                stream.set_display_rotation(rotation)
            if aspect:
                stream.codec_context.sample_aspect_ratio = aspect
            if colour[1]:
                stream.codec_context.colorspace = colour[1]
                stream.codec_context.color_range = colour[2]
            for index, seconds in enumerate(times):
                frame = av.VideoFrame.from_ndarray(picture(index)).reformat(
                    format=colour[0],
                    dst_colorspace=colour[1] or None,
                    dst_color_range=colour[2] or None,
                )
                frame.time_base = stream.codec_context.time_base
                frame.pts = round(seconds / frame.time_base)
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return path

    return make


@pytest.fixture(scope="session")
def make_delayed_sound() -> Callable[..., Path]:
    """A picture from second 0 and a sound stream that starts later, with one click in it."""

    def make(path: Path, *, delay_seconds: float, click_seconds: float, audio_codec: str) -> Path:
        rate = 48_000
        samples = np.zeros((1, 2 * rate), np.float32)
        samples[0, round((click_seconds - delay_seconds) * rate)] = 0.9
        with av.open(str(path), "w") as container:
            video = container.add_stream("libx264", rate=25)
            video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
            audio = container.add_stream(audio_codec, rate=rate, layout="mono")
            for index in range(25):
                picture = av.VideoFrame.from_ndarray(numbered_picture(index))
                picture.pts, picture.time_base = index, Fraction(1, 25)
                container.mux(video.encode(picture))
            sound = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
            sound.sample_rate, sound.time_base = rate, Fraction(1, rate)
            sound.pts = round(delay_seconds * rate)
            container.mux(audio.encode(sound))
            container.mux(video.encode(None))
            container.mux(audio.encode(None))
        return path

    return make
