"""Opening of containers, and the choice of the streams that a player would play."""

import errno
import os
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from avfake import limits
from avfake.errors import MediaError

REFUSED_FORMATS = {"hls", "dash", "concat", "sdp", "tty"}
"""Playlists, which would open further files, and text drawn as pictures."""
NOT_SHOWN = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.dependent
STILL_CODECS = {"mjpeg", "png", "apng", "gif", "bmp", "webp", "tiff", "jpeg2000", "libopenjpeg"}
OPTIONS = {
    # An absolute path names no protocol, and no file can make ffmpeg fetch anything.
    "protocol_whitelist": "file",
    # Nor is a photograph named "a%d.jpg" the first of a series.
    "pattern_type": "none",
    # Joined MPEG-TS may give the same streams other numbers from the join on.
    "merge_pmt_versions": "1",
}

_IS_OLD = int(av.__version__.split(".")[0]) < 19
TEXTS: dict[str, Any] = {"metadata_errors": "replace"} if _IS_OLD else {}
"""How texts of a file that are not UTF-8 are read; PyAV 19 has no setting for it."""
LOST = dict.fromkeys(
    ("ESTALE", "ETIMEDOUT", "ENOTCONN", "EHOSTDOWN", "EHOSTUNREACH", "ENETDOWN", "ENETUNREACH"),
    "unreachable",
) | {"ENOENT": "file_missing"}
"""Error of the system -> reason: the file is no longer there, which says nothing of its content."""


def open_container(file: Path, *, name: str) -> InputContainer:
    """Open a file; MediaError, with `name` for the path, if it cannot be read."""
    try:
        container = av.open(str(file.absolute()), container_options=OPTIONS, **TEXTS)
    except av.error.FFmpegError as error:
        reason = _why_lost(error, file) or "not_media"
        raise MediaError(name, reason, error.strerror or "") from error
    if container.format.name in REFUSED_FORMATS:
        container.close()
        raise MediaError(name, "not_media", f"{container.format.name}: no picture, no sound")
    if len(container.streams) > (allowed := limits.current()).streams:
        count = len(container.streams)
        container.close()
        raise MediaError(name, "too_many", f"{count} streams; up to {allowed.streams} are taken")
    for stream in container.streams.video:
        if stream.codec_context:  # pictures may grow inside a stream
            stream.codec_context.options = {"max_pixels": str(round(1e6 * allowed.megapixels))}
    return container


def every_packet(container: InputContainer, *streams: Stream) -> Iterator[Packet]:
    """Yield non-empty packets of these streams (or all) up to the end of the file or its damage.

    MediaError if the file cannot be read any more, as when a network disk is gone: an answer from
    its first part alone would be kept as if it were that of the whole file.
    """
    packets = container.demux(*streams)
    while True:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError as error:
            if reason := _why_lost(error, Path(container.name)):
                raise MediaError(container.name, reason, error.strerror or "") from error
            return
        except IndexError:  # of PyAV, at the end of a file in which unannounced streams began
            return
        if packet is None:
            return
        if packet.size:
            yield packet


def _why_lost(error: av.error.FFmpegError, file: Path) -> str | None:
    """Return the reason if an error lies in the way to a file; None if it lies in the file."""
    if error.errno == errno.EIO:  # also what ffmpeg says of some damaged files
        return None if _can_be_read(file) else "unreachable"
    return LOST.get(errno.errorcode.get(error.errno or 0, ""))


def _can_be_read(file: Path) -> bool:
    """Return whether the last byte of a file can be read."""
    try:
        with file.open("rb") as opened:
            opened.seek(max(0, opened.seek(0, os.SEEK_END) - 1))
            opened.read(1)
    except OSError:
        return False
    return True


def picture_stream(container: InputContainer, file: Path) -> VideoStream | None:
    """Return the video stream that a player would show; None if there are only covers.

    Default streams come first, then moving before still ones, large before small ones.
    """
    shown = [stream for stream in container.streams.video if _is_shown(stream)]
    if container.streams.audio:
        shown = [stream for stream in shown if not _is_cover(stream, file)]
    return max(shown, key=_rank, default=None)


def sound_streams(container: InputContainer, picture: VideoStream | None) -> list[AudioStream]:
    """Return all audio streams that can be decoded, the one that a player would choose first."""
    best = container.streams.best("audio", related=picture)
    playable = [stream for stream in container.streams.audio if stream.codec_context]
    return sorted(
        playable,
        key=lambda s: (s is not best, not s.disposition & Disposition.default, s.index),
    )


def _is_shown(stream: VideoStream) -> bool:
    """Return False for streams marked as cover, thumbnail or part, or without a decoder."""
    return bool(
        stream.codec_context and stream.codec_context.width and not stream.disposition & NOT_SHOWN
    )


def _rank(stream: VideoStream) -> tuple[bool, bool, int, int]:
    is_default = bool(stream.disposition & Disposition.default)
    moves = stream.frames != 1 and not stream.disposition & Disposition.still_image
    area = stream.codec_context.width * stream.codec_context.height
    return is_default and moves, moves, area, stream.frames


def _is_cover(stream: VideoStream, file: Path) -> bool:
    """Return whether a stream beside sound is an unmarked cover: one still picture."""
    if stream.codec_context.name not in STILL_CODECS or stream.frames > 1:
        return False
    with open_container(file, name=str(file)) as container:
        packets = every_packet(container, container.streams[stream.index])
        return len(list(islice(packets, 2))) < 2
