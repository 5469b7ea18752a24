"""What a file holds, and when to look at it."""

from pathlib import Path

import numpy as np

from avfake.media.frames import decoded_pictures
from avfake.media.opening import OpenMedia, open_media, read_packets, to_seconds
from avfake.media.pictures import Display, pixel_aspect
from avfake.media.types import MediaInfo

MICROSECONDS = 1_000_000
"""The unit of durations of a container."""


def probe(path: str | Path) -> MediaInfo:
    """What the container says of the file.

    Nothing is decoded, but for one picture: PyAV tells on decoded pictures alone how they are
    turned. Where no duration is stated, the packets are walked through.
    """
    with open_media(path) as media:
        seconds = media.container.duration
        duration = seconds / MICROSECONDS if seconds else _walked_seconds(path)
        fields = _describe_sound(media) | _describe_pictures(media, duration)
        return MediaInfo(
            path=Path(path),
            container=media.container.format.name,
            size_bytes=media.file.stat().st_size,
            duration_seconds=duration,
            has_video=media.video is not None,
            has_audio=media.audio is not None,
            **fields,
        )


def sample_times(info: MediaInfo, num_frames: int) -> np.ndarray:
    """float64 [N]: midpoints of N equal stretches of the picture's duration."""
    if num_frames < 1:
        raise ValueError(f"num_frames is {num_frames}; at least 1 is needed")
    start, end = info.video_start_seconds, info.video_end_seconds or 0.0
    return start + (np.arange(num_frames) + 0.5) / num_frames * max(0.0, end - start)


def _describe_sound(media: OpenMedia) -> dict:
    if media.audio is None:
        return {}
    codec = media.audio.codec_context
    return {
        "audio_codec": codec.name,
        "sample_rate": codec.sample_rate or None,
        "num_channels": codec.channels or None,
    }


def _describe_pictures(media: OpenMedia, duration: float | None) -> dict:
    stream = media.video
    if stream is None:
        return {}
    codec, aspect = stream.codec_context, pixel_aspect(stream)
    first = next(decoded_pictures(media), None)
    unturned = Display(max(1, round(codec.width * aspect)), codec.height, 0)
    display = Display.of(first[1], aspect) if first else unturned
    rate = stream.average_rate or stream.guessed_rate
    start = max(0.0, to_seconds(stream, stream.start_time) - media.start_seconds)
    end = start + to_seconds(stream, stream.duration) if stream.duration else duration
    return {
        "width": display.size[0],
        "height": display.size[1],
        "fps": float(rate) if rate else None,
        "num_frames": stream.frames or None,
        "rotation_degrees": 90 * (-display.quarter_turns % 4),
        "pixel_aspect": aspect,
        "video_codec": codec.name,
        "video_start_seconds": start,
        "video_end_seconds": end,
    }


def _walked_seconds(path: str | Path) -> float | None:
    """The end of the last packet, for containers that were written as a live stream."""
    with open_media(path) as media:
        stream = media.video or media.audio
        assert stream is not None
        ends = [
            to_seconds(stream, packet.pts + (packet.duration or 0))
            for packet in read_packets(media, stream)
            if packet is not None and packet.pts is not None
        ]
    return max(ends) - media.start_seconds if ends else None
