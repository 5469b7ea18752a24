"""Pictures out of a file: at chosen times, or all of them one after the other."""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av.video.frame import VideoFrame

from avfake.errors import MediaError
from avfake.media.opening import (
    MAX_GAP_SECONDS,
    OpenMedia,
    open_media,
    read_packets,
    reopened,
    to_seconds,
)
from avfake.media.pictures import Display, pixel_aspect
from avfake.media.types import Frames

SAME_INSTANT_SECONDS = 1e-6
"""A frame asked for by its own time is not missed through rounding."""
JUMP_SECONDS = 8.0
"""A longer stretch of which nothing is wanted is jumped over, to the last key frame in it."""
INDEXED_FORMATS = {"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"}
"""Containers that know where their key frames are."""


def read_frames(path: str | Path, at_seconds: Sequence[float] | np.ndarray) -> Frames:
    """The frames on display at the given times, in order of time, in one forward pass.

    A frame is on display from its time to that of the next one; the first also before, the last
    also after. One asked for twice comes once. Only the chosen ones are converted and kept.
    Damaged pictures are left out; MediaError if nothing could be decoded.
    """
    wanted = np.unique(np.asarray(at_seconds, dtype=np.float64))
    if not len(wanted) or not np.isfinite(wanted).all():
        raise ValueError(f"at_seconds must be one or more finite times, got {at_seconds}")
    with open_media(path) as media:
        kept = list(_as_displayed(media, _shown_at(media, wanted)))
    seconds = np.array([time for time, _ in kept])
    pixels = np.empty((len(kept), *kept[0][1].shape), np.uint8)
    for index in reversed(range(len(kept))):
        pixels[index] = kept.pop()[1]  # freed one by one, so that no second copy is held
    return Frames(pixels, seconds)


def iter_frames(path: str | Path) -> Iterator[tuple[float, np.ndarray]]:
    """Every frame as (file second, uint8 [H, W, 3] RGB as displayed), one in memory at a time."""
    with open_media(path) as media:
        yield from _as_displayed(media, decoded_pictures(media))


def decoded_pictures(media: OpenMedia) -> Iterator[tuple[float, VideoFrame]]:
    """(file second, picture) with times increasing; damaged pictures are left out."""
    stream = media.video
    if stream is None:
        raise MediaError(media.name, "no_video")
    step = 1 / float(stream.average_rate or stream.guessed_rate or 25)
    last: float | None = None
    for packet in read_packets(media, stream):
        for frame in _decoded(stream, packet):
            if frame.pts is None:
                seconds = 0.0 if last is None else last + step
            else:
                seconds = to_seconds(stream, frame.pts) - media.start_seconds
            in_order = last is None or last < seconds < last + MAX_GAP_SECONDS
            if in_order and not frame.is_corrupt:
                last = seconds
                yield seconds, frame


def _as_displayed(
    media: OpenMedia, pictures: Iterator[tuple[float, VideoFrame]]
) -> Iterator[tuple[float, np.ndarray]]:
    """The pictures as pixels, all of the size of the first; MediaError if there is none."""
    display: Display | None = None
    for seconds, frame in pictures:
        display = display or Display.of(frame, pixel_aspect(media.video))
        yield seconds, display.pixels(frame)
    if display is None:
        raise MediaError(media.name, "decode_error", "not one picture could be decoded")


def _shown_at(media: OpenMedia, wanted: np.ndarray) -> Iterator[tuple[float, VideoFrame]]:
    """The pictures shown at the wanted (increasing) times, with jumps between far ones."""
    starts = np.flatnonzero(np.diff(wanted, prepend=0.0) > JUMP_SECONDS)
    if media.container.format.name not in INDEXED_FORMATS:
        starts = starts[:0]
    stretches = np.split(wanted, starts)
    last = -np.inf
    for number, stretch in enumerate(stretches):
        pictures = _from_key_frame(media, stretch[0]) if number else decoded_pictures(media)
        if pictures is None:  # no way in here: the rest is read from the start of the file
            stretch, pictures = np.concatenate(stretches[number:]), _from_start(media)
        for seconds, frame in _on_display(pictures, stretch):
            if seconds > last:
                last = seconds
                yield seconds, frame
        if wanted[-1] in stretch:
            return


def _from_key_frame(media: OpenMedia, seconds: float) -> Iterator[tuple[float, VideoFrame]] | None:
    """Pictures from a key frame at or before a time on; None if there is no way to it."""
    stream = media.video
    assert stream is not None
    # Containers seek by decoding time, which runs ahead of display: hence the margin.
    target = seconds + media.start_seconds - 1.0
    try:
        media.container.seek(round(target / (stream.time_base or 1)), stream=stream)
    except av.error.FFmpegError:
        return None
    pictures = decoded_pictures(media)
    first = next(pictures, None)
    if first is None or not first[1].key_frame or first[0] > seconds:
        return None
    return chain([first], pictures)


def _from_start(media: OpenMedia) -> Iterator[tuple[float, VideoFrame]]:
    # Opened anew: going back to the start can fail in a damaged file, too.
    with reopened(media) as again:
        yield from decoded_pictures(again)


def _decoded(stream: av.VideoStream, packet: av.Packet | None) -> list[VideoFrame]:
    try:
        return stream.decode(packet)
    except av.error.FFmpegError:
        return []


def _on_display(
    pictures: Iterator[tuple[float, VideoFrame]], wanted: np.ndarray
) -> Iterator[tuple[float, VideoFrame]]:
    """Those of the pictures that are shown at one of the wanted (increasing) times."""
    shown: tuple[float, VideoFrame] | None = None
    position = 0
    for picture in pictures:
        if shown is not None:
            passed = np.searchsorted(wanted, picture[0] - SAME_INSTANT_SECONDS)
            if passed > position:
                yield shown
                position = int(passed)
            if position == len(wanted):
                return
        shown = picture
    if shown is not None and position < len(wanted):
        yield shown
