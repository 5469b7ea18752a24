"""Facts about a file."""

from pathlib import Path

from av.video.stream import VideoStream

from avfake.media.clock import StreamClock, stated_rate
from avfake.media.frames import decoded_pictures
from avfake.media.opening import OpenMedia, open_media
from avfake.media.types import MediaInfo

MICROSECONDS = 1_000_000
"""Unit of the durations of a container, in a second."""
NEAR = 0.1
"""Rates whose ratio differs less than this from 1 are equal but for rounded time stamps."""


def probe(path: str | Path) -> MediaInfo:
    """Return what the container states about the file.

    Only one picture is decoded: PyAV gives the orientation of decoded pictures alone. Durations
    are those of the actual content, where it was read.
    """
    with open_media(path) as media:
        sound = media.audio.codec_context if media.audio else None
        return MediaInfo(
            path=Path(path),
            container=media.container.format.name,
            size_bytes=media.file.stat().st_size,
            duration_seconds=_duration(media),
            has_video=media.video is not None,
            has_audio=media.audio is not None,
            audio_codec=sound.name if sound else None,
            sample_rate=(sound.sample_rate or None) if sound else None,
            num_channels=(sound.channels or None) if sound else None,
            **_describe_pictures(media),
        )


def _describe_pictures(media: OpenMedia) -> dict:
    stream = media.video
    if stream is None:
        return {}
    clock, codec = media.clock_of(stream), stream.codec_context
    first = next(decoded_pictures(media), None)
    size = media.size if first and media.size else (codec.width, codec.height)
    return {
        "width": size[0],
        "height": size[1],
        "fps": _rate(stream, clock),
        "num_frames": stream.frames or None,
        "rotation_degrees": first.orientation.rotation_degrees if first else 0,
        "is_mirrored": first.orientation.is_mirrored if first else False,
        "pixel_aspect": first.aspect if first else 1.0,
        "video_codec": codec.name,
        "video_start_seconds": clock.start_seconds,
        "video_end_seconds": clock.end_seconds,
    }


def _rate(stream: VideoStream, clock: StreamClock) -> float | None:
    """Return the stated rate, or that of the packets if a jump of the clock falsifies it."""
    stated = stated_rate(stream)
    if clock.is_plain or not clock.step_seconds:
        return stated
    is_near = stated and abs(stated * clock.step_seconds - 1) < NEAR
    return stated if is_near else 1 / clock.step_seconds


def _duration(media: OpenMedia) -> float | None:
    clocks = media.clock.streams.values()
    stated = media.container.duration
    is_whole = not any(note.code == "truncated" for clock in clocks for note in clock.notes)
    if stated and is_whole and not media.clock.is_scanned:
        return stated / MICROSECONDS
    return max((clock.end_seconds for clock in clocks if clock.end_seconds), default=None)
