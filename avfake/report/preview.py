"""The file itself in small, to stand in a page: a video with boxes around faces, a picture, sound.

A video that is not too long is shown at its own speed and with its sound. Of a longer one, single
pictures are shown, a fixed time each: those that were assessed, and evenly spaced ones between.
"""

import base64
import io
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image, ImageDraw

from avfake.errors import MediaError
from avfake.media import (
    MediaInfo,
    Waveform,
    iter_frames,
    probe,
    read_frames,
    read_sound,
    write_audio,
    write_video,
)
from avfake.report.annotate import at_constant_rate, draw_face
from avfake.verdict import Verdict

MAX_BYTES = 2_000_000
"""Size of the preview; as text in a page it takes a third more."""
LONGER_SIDE_PX = 480
MAX_FPS = 15.0
MAX_SECONDS = 90.0
"""A longer video is shown by single pictures."""
FREE_SECONDS = 30.0
"""A longer one gets a fixed bit rate from the start, since its size would not fit otherwise."""
MAX_SOUND_SECONDS = 600.0
"""Length of the sound of a file without picture."""
SOUND_RATE, SOUND_KBPS = 24_000, 48
MOST_PICTURES, LEAST_GAP_SECONDS = 60, 9.0
"""Pictures of a long video, and their distance: between distant ones nothing is decoded."""
PICTURES_AT_ONCE = 8
"""Pictures of full size held in memory."""
PICTURE_SECONDS = 0.5
"""How long each is shown."""
JPEG_QUALITY = 80


@dataclass(frozen=True)
class Preview:
    """A small copy of the file."""

    kind: Literal["video", "picture", "sound"]
    content: bytes
    """MP4 (H.264 and AAC), JPEG or M4A."""
    width: int = 0
    height: int = 0
    poster: bytes = b""
    """JPEG of the picture with the highest score of a face, with its box; empty without picture."""
    poster_seconds: float = 0.0
    moments: tuple[float, ...] = ()
    """File second of each picture, where single ones are shown for `PICTURE_SECONDS` each; empty
    where the preview has the time of the file."""

    @property
    def uri(self) -> str:
        """The preview as a data URI."""
        kinds = {"video": "video/mp4", "picture": "image/jpeg", "sound": "audio/mp4"}
        return _uri(kinds[self.kind], self.content)

    @property
    def poster_uri(self) -> str:
        """The poster as a data URI; empty without one."""
        return _uri("image/jpeg", self.poster) if self.poster else ""


def make_preview(path: str | Path, verdict: Verdict) -> Preview | None:
    """Return the file in small; None for one that cannot be read, or a sound that is too long."""
    try:
        info = probe(path)
        if not info.has_video:
            return _sound_preview(path, info) if info.has_audio else None
        return _picture_preview(path, verdict, info)
    except (MediaError, OSError):
        return None  # the verdict has the reason; what stands in the page is its evidence


def suspect_seconds(verdict: Verdict) -> float:
    """Return the time of the face with the highest score; 0 without faces."""
    faces = [face for person in verdict.persons for face in person.frames]
    return max(faces, key=lambda face: face.p_fake).seconds if faces else 0.0


def _picture_preview(path: str | Path, verdict: Verdict, info: MediaInfo) -> Preview:
    assert info.width is not None
    assert info.height is not None
    draw = _Drawing(verdict, (info.width, info.height), suspect_seconds(verdict))
    seconds = info.video_end_seconds or info.duration_seconds or 0.0
    if info.num_frames == 1 or seconds <= 0.1:
        for at, frame in iter_frames(path):
            draw.small(at, frame)
            return Preview("picture", draw.poster, *draw.size, draw.poster, at)
    if seconds <= MAX_SECONDS:
        fps = min(MAX_FPS, max(1.0, info.fps or MAX_FPS))

        def frames() -> Iterator[np.ndarray]:
            for at, frame in at_constant_rate(iter_frames(path), fps):
                yield draw.small(at, frame)

        sound = _sound(path) if info.has_audio else None
        content = _encoded(frames, fps, sound, seconds)
        moments: tuple[float, ...] = ()
    else:
        times = _spread(verdict, info.video_start_seconds, seconds)
        shown: list[tuple[float, np.ndarray]] = []
        for at, frame in _pictures_at(path, times):
            shown.append((at, draw.small(at, frame)))
        pictures = [picture for _, picture in shown]
        length = PICTURE_SECONDS * len(shown)
        content = _encoded(lambda: iter(pictures), 1 / PICTURE_SECONDS, None, length)
        moments = tuple(round(at, 3) for at, _ in shown)
    return Preview("video", content, *draw.size, draw.poster, draw.poster_seconds, moments)


class _Drawing:
    """Makes frames small, with boxes, and keeps the one nearest to a time as a JPEG."""

    def __init__(self, verdict: Verdict, full: tuple[int, int], poster_at: float) -> None:
        """full: width and height of the frames"""
        self.scale = min(1.0, LONGER_SIDE_PX / max(full))
        width, height = (max(2, round(self.scale * side / 2) * 2) for side in full)
        self.size = (width, height)
        self.persons = [person for person in verdict.persons if person.frames]
        self.poster_at, self.poster, self.poster_seconds = poster_at, b"", np.inf

    def small(self, seconds: float, frame: np.ndarray) -> np.ndarray:
        """Return uint8 [h, w, 3] of a frame [H, W, 3] at its time."""
        image = Image.fromarray(frame).resize(self.size, Image.Resampling.BOX)
        canvas = ImageDraw.Draw(image)
        for person in self.persons:
            draw_face(canvas, person, seconds, self.scale, width=image.width)
        if abs(seconds - self.poster_at) < abs(self.poster_seconds - self.poster_at):
            buffer = io.BytesIO()
            image.save(buffer, "JPEG", quality=JPEG_QUALITY)
            self.poster, self.poster_seconds = buffer.getvalue(), seconds
        return np.asarray(image)


def _encoded(
    frames: Callable[[], Iterator[np.ndarray]], fps: float, sound: Waveform | None, seconds: float
) -> bytes:
    """Return an MP4 of at most about `MAX_BYTES`.

    frames: gives the pictures anew each time it is called
    """
    kbps = int(0.9 * 8 * MAX_BYTES / 1000 / max(seconds, 1.0)) - (SOUND_KBPS if sound else 0)
    rates: tuple[int | None, ...] = (None, kbps) if seconds <= FREE_SECONDS else (kbps,)
    content = b""
    with tempfile.TemporaryDirectory(prefix="avfake-") as folder:
        target = Path(folder) / "preview.mp4"
        for rate in rates:
            write_video(
                target,
                frames(),
                fps=fps,
                waveform=sound,
                crf=27,
                video_kbps=rate,
                audio_kbps=SOUND_KBPS,
            )
            content = target.read_bytes()
            if len(content) <= MAX_BYTES:
                break
    return content


def _sound_preview(path: str | Path, info: MediaInfo) -> Preview | None:
    if (info.duration_seconds or 0.0) > MAX_SOUND_SECONDS:
        return None
    sound = _sound(path)
    if sound is None or not len(sound.samples):
        return None
    kbps = min(SOUND_KBPS, int(0.9 * 8 * MAX_BYTES / 1000 / sound.duration_seconds))
    with tempfile.TemporaryDirectory(prefix="avfake-") as folder:
        target = Path(folder) / "preview.m4a"
        write_audio(target, sound, kbps=kbps)
        return Preview("sound", target.read_bytes())


def _sound(path: str | Path) -> Waveform | None:
    try:
        return read_sound(path, SOUND_RATE).waveform()
    except MediaError:
        return None  # the verdict names the damage


def _spread(verdict: Verdict, start: float, end: float) -> list[float]:
    """Return the times of the pictures of a long video: assessed ones, and others between them."""
    number = min(MOST_PICTURES, int((end - start) / LEAST_GAP_SECONDS))
    even = start + (np.arange(number) + 0.5) / number * (end - start)
    assessed = {face.seconds for person in verdict.persons for face in person.frames}
    if len(assessed) > MOST_PICTURES:
        assessed = {suspect_seconds(verdict)}
    return sorted({*even.tolist(), *assessed})


def _pictures_at(path: str | Path, times: list[float]) -> Iterator[tuple[float, np.ndarray]]:
    """Yield the frames at these times, few in memory at once."""
    for first in range(0, len(times), PICTURES_AT_ONCE):
        found = read_frames(path, times[first : first + PICTURES_AT_ONCE])
        yield from zip(found.seconds.tolist(), found.pixels, strict=True)


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64," + base64.b64encode(content).decode()
