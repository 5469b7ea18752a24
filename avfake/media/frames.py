"""Frames of a file: at chosen times, or all of them in order."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.video.frame import PictureType

from avfake.errors import MediaError
from avfake.media.clock import DEFAULT_FPS, stated_rate, to_seconds
from avfake.media.needed import needed_packets
from avfake.media.opening import (
    NUM_THREADS,
    Damage,
    OpenMedia,
    UnsafeThreadsError,
    decoded,
    open_media,
    read_packets,
    reopened,
)
from avfake.media.pictures import WITH_EXIF, Picture, PixelAspect, Size
from avfake.media.types import Frames

SAME_INSTANT_SECONDS = 1e-6
"""Tolerance, so that a frame asked for by its own time is not missed through rounding."""
JUMP_SECONDS = 8.0
"""A longer time without a wanted frame is skipped, up to its last key frame."""
MAX_PART_BYTES = 1e9
"""Pixels that `read_frames` reads into one array; more are put together at the end."""
INDEXED_FORMATS = {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"}
"""Containers with an index of their key frames, in which one can seek by time."""


def read_frames(path: str | Path, at_seconds: Sequence[float] | np.ndarray) -> Frames:
    """Return the frames that are shown at the given times, in order, read in one pass.

    A frame is shown from its time to that of the next one; the first also before, the last also
    after. Each frame is returned once. Only chosen frames are converted and kept. Damaged frames
    are left out; MediaError if nothing could be decoded.
    """
    parts = list(read_frames_in_parts(path, at_seconds, max_bytes=MAX_PART_BYTES))
    if len(parts) == 1:
        return parts[0]
    seconds, notes = np.concatenate([part.seconds for part in parts]), parts[-1].notes
    pixels = np.empty((len(seconds), *parts[0].pixels.shape[1:]), np.uint8)
    end = len(seconds)
    while parts:  # emptied, so that no second copy is held
        part = parts.pop().pixels
        pixels[end - len(part) : end] = part
        end -= len(part)
    return Frames(pixels, seconds, notes)


def read_frames_in_parts(
    path: str | Path, at_seconds: Sequence[float] | np.ndarray, *, max_bytes: float
) -> Iterator[Frames]:
    """Yield the same frames in consecutive parts, of which one at a time has to be in memory.

    max_bytes: of the pixels of a part, unless a single frame has more
    """
    wanted = np.unique(np.asarray(at_seconds, dtype=np.float64))
    if not len(wanted) or not np.isfinite(wanted).all():
        raise ValueError(f"at_seconds must be one or more finite times, got {at_seconds}")
    given = _Given()
    for threads in (NUM_THREADS, 1):
        with suppress(UnsafeThreadsError), open_media(path, threads=threads) as media:
            for part in _parts(media, wanted, max_bytes, given):
                given = _Given(part.seconds[-1], media.size)
                yield part
            return


@dataclass(frozen=True)
class _Given:
    """What was given before damage was met, and is not given again by the thread that is left."""

    last_seconds: float = -np.inf
    size: Size | None = None


def _parts(
    media: OpenMedia, wanted: np.ndarray, max_bytes: float, given: _Given
) -> Iterator[Frames]:
    pixels = np.empty(0, np.uint8)
    seconds: list[float] = []
    for at, shown in _as_displayed(media, _shown_at(media, wanted), given):
        if len(seconds) == len(pixels):
            if seconds:
                yield _part(media, pixels, seconds)
            # Filled in place: a copy of all frames would take as long as their conversion.
            most = max(1, min(len(wanted), int(max_bytes // shown.nbytes)))
            pixels, seconds = np.empty((most, *shown.shape), np.uint8), []
        pixels[len(seconds)] = shown
        seconds.append(at)
    if seconds:
        yield _part(media, pixels, seconds)


def _part(media: OpenMedia, pixels: np.ndarray, seconds: list[float]) -> Frames:
    assert media.video is not None
    notes = media.clock_of(media.video).notes + media.picture_damage.notes()
    return Frames(pixels[: len(seconds)], np.array(seconds), notes)


def iter_frames(path: str | Path) -> Iterator[tuple[float, np.ndarray]]:
    """Yield each frame as (file second, uint8 [H, W, 3] RGB as shown), one in memory at a time."""
    given = _Given()
    for threads in (NUM_THREADS, 1):
        with suppress(UnsafeThreadsError), open_media(path, threads=threads) as media:
            for seconds, shown in _as_displayed(media, decoded_pictures(media), given):
                given = _Given(seconds, media.size)
                yield seconds, shown
            return


def decoded_pictures(
    media: OpenMedia, *, from_start: bool = True, wanted: np.ndarray | None = None
) -> Iterator[Picture]:
    """Yield pictures with increasing times; damaged ones are left out.

    From the start of the file, damage is counted in `media.picture_damage`. After a seek it is not:
    the first pictures may refer to earlier ones.

    wanted: increasing times; pictures that are not shown at one of them may be left out
    """
    stream = media.video
    if stream is None:
        raise MediaError(media.name, "no_video")
    usual = 1 / (stated_rate(stream) or DEFAULT_FPS)
    damage = media.picture_damage if from_start else Damage()
    aspect = PixelAspect(stream)
    last: float | None = None
    packets = read_packets(media, stream, from_start=from_start)
    if wanted is not None and _can_seek(media):
        packets = needed_packets(stream, packets, wanted, media.clock.zero_seconds)
    first = next(packets)
    stored = bytes(first) if first and stream.codec_context.name in WITH_EXIF else None
    for frame in decoded(stream, chain([first], packets), damage):
        if frame.pts is not None:
            # Rounded, so that no picture is shown slightly before second 0.
            seconds = round(to_seconds(stream, frame.pts) - media.clock.zero_seconds, 9) or 0.0
        elif last is not None:
            seconds = last + (to_seconds(stream, frame.duration) or usual)
        else:
            seconds = media.clock_of(stream).start_seconds
        picture = Picture(seconds, frame, aspect.of(frame), stored)
        if (last is None or last < seconds) and not frame.is_corrupt:
            last = seconds
            media.size = media.size or picture.size
            yield picture


def _as_displayed(
    media: OpenMedia, pictures: Iterator[Picture], given: _Given
) -> Iterator[tuple[float, np.ndarray]]:
    """Yield the pictures as pixels, all of one size; MediaError if there is none."""
    media.size = given.size or media.size
    picture: Picture | None = None
    for picture in pictures:
        if picture.seconds > given.last_seconds:
            yield picture.seconds, picture.pixels(media.size or picture.size)
    if picture is None and media.picture_damage.num_packets:
        raise MediaError(media.name, "decode_error", "not one picture could be decoded")
    if picture is None:
        raise MediaError(media.name, "too_short", "the stream of pictures holds none")


def _shown_at(media: OpenMedia, wanted: np.ndarray) -> Iterator[Picture]:
    """Yield the pictures shown at the wanted (increasing) times; seek between distant ones."""
    if media.video is None:
        raise MediaError(media.name, "no_video")
    starts = np.flatnonzero((np.diff(wanted, prepend=0.0) > JUMP_SECONDS) & _can_seek(media))
    segments = np.split(wanted, starts)
    last = -np.inf
    for number, segment in enumerate(segments):
        rest = np.concatenate(segments[number:])
        if number:
            pictures = _from_key_frame(media, rest, last)
        else:
            pictures = decoded_pictures(media, wanted=segment) if len(segment) else iter(())
        if pictures is None:  # seeking failed: the rest is read from the start of the file
            segment, pictures = rest, _from_start(media, rest)
        for picture in _on_display(pictures, segment):
            if picture.seconds > last:
                last = picture.seconds
                yield picture
        if wanted[-1] in segment:
            return


def _can_seek(media: OpenMedia) -> bool:
    """Return whether the packets of the pictures have reliable times and can be found by them."""
    assert media.video is not None
    is_indexed = media.container.format.name in INDEXED_FORMATS
    return is_indexed and media.clock_of(media.video).is_plain


def _from_key_frame(media: OpenMedia, wanted: np.ndarray, last: float) -> Iterator[Picture] | None:
    """Return the pictures from a key frame at or before the first of these times on.

    None if seeking failed, or gained nothing: the key frame is before the last picture read.
    """
    stream = media.video
    assert stream is not None
    # Containers seek by decoding time, which runs ahead of display: hence the margin.
    target = wanted[0] + media.clock.zero_seconds - 1.0
    try:
        media.container.seek(round(target / (stream.time_base or 1)), stream=stream)
    except av.error.FFmpegError:
        return None
    pictures = decoded_pictures(media, from_start=False, wanted=wanted)
    first = next(pictures, None)
    if first is None or not last < first.seconds <= wanted[0]:
        return None
    # A picture that only begins to refresh the others is also marked as a key frame.
    is_whole = first.frame.key_frame and first.frame.pict_type == PictureType.I
    return chain([first], pictures) if is_whole else None


def _from_start(media: OpenMedia, wanted: np.ndarray) -> Iterator[Picture]:
    # Opened again: seeking to the start can fail in a damaged file, too.
    with reopened(media) as again:
        yield from decoded_pictures(again, wanted=wanted)


def _on_display(pictures: Iterator[Picture], wanted: np.ndarray) -> Iterator[Picture]:
    """Yield the pictures that are shown at one of the wanted (increasing) times."""
    shown: Picture | None = None
    position = 0
    for picture in pictures:
        if shown is not None:
            passed = np.searchsorted(wanted, picture.seconds - SAME_INSTANT_SECONDS)
            if passed > position:
                yield shown
                position = int(passed)
            if position == len(wanted):
                return
        shown = picture
    if shown is not None and position < len(wanted):
        yield shown
