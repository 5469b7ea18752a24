"""Open containers: which streams count, and where second 0 of the file is."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.stream import Disposition
from av.video.stream import VideoStream

from avfake.errors import MediaError
from avfake.media.local import local_file

REFUSED_FORMATS = {"hls", "dash", "concat", "sdp", "tty"}
"""Playlists, which would open further files, and text drawn as pictures."""
NUM_THREADS = 2
"""Of the decoder; many files are read side by side, so more would only wait for each other."""
MAX_GAP_SECONDS = 3600.0
"""A jump further than this is a damaged time stamp, not a pause."""


@dataclass(frozen=True)
class OpenMedia:
    """An open container with the one picture stream and the one sound stream that are used."""

    name: str
    """The path as the caller gave it, for messages."""
    file: Path
    container: InputContainer
    video: VideoStream | None
    audio: AudioStream | None
    tracks: tuple[int, ...]
    """Index of each sound stream, the one that a player would play first."""
    start_seconds: float
    """Container time of file second 0, the clock shared by pictures and sound."""

    @property
    def sound_seconds(self) -> float:
        """How much sound the track in use holds, as far as is known without decoding it."""
        if self.audio is None:
            return 0.0
        stated = (self.container.duration or 0) / 1_000_000
        return to_seconds(self.audio, self.audio.duration) or stated


@contextmanager
def open_media(path: str | Path) -> Iterator[OpenMedia]:
    """The container at `path`, closed on leaving; MediaError if it is not media."""
    with local_file(path) as file, _opened(file, str(path)) as media:
        yield media


@contextmanager
def reopened(media: OpenMedia, *, track: int | None = None) -> Iterator[OpenMedia]:
    """The same file from its start, with another sound track if asked for."""
    if track is None and media.audio is not None:
        track = media.audio.index
    with _opened(media.file, media.name, track=track) as again:
        yield again


@contextmanager
def _opened(file: Path, name: str, *, track: int | None = None) -> Iterator[OpenMedia]:
    with _open_container(file, name=name) as container:
        video = next((s for s in container.streams.video if _is_moving_picture(s)), None)
        sounds = [s for s in container.streams.audio if s.codec_context]
        audio = next((s for s in sounds if track in (None, s.index)), None)
        if container.format.name in REFUSED_FORMATS or (video is None and audio is None):
            raise MediaError(name, "not_media", f"{container.format.name}: no picture, no sound")
        if video is not None:
            video.thread_type = "AUTO"
            video.codec_context.thread_count = NUM_THREADS
        tracks = tuple(stream.index for stream in sounds)
        start = _start_seconds(video, audio)
        yield OpenMedia(name, file, container, video, audio, tracks, start)


def read_packets(media: OpenMedia, stream: VideoStream | AudioStream) -> Iterator[Packet | None]:
    """Packets of one stream up to its end or its damage, then one that flushes the decoder."""
    packets = media.container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError:
            packet = None
        if packet is None or packet.size == 0:
            yield None
            return
        yield packet


def to_seconds(stream: VideoStream | AudioStream, ticks: int | None) -> float:
    """Seconds for ticks of the stream's clock; 0 for none.

    The clock of a packet or picture is not asked: PyAV leaves it out when a decoder is flushed.
    """
    return float((ticks or 0) * (stream.time_base or 0))


def _open_container(file: Path, *, name: str) -> InputContainer:
    try:
        # An absolute path names no protocol, and no file may make ffmpeg fetch anything.
        return av.open(
            str(file.absolute()),
            metadata_errors="replace",
            # Nor is a photograph named "a%d.jpg" the first of a series.
            container_options={"protocol_whitelist": "file", "pattern_type": "none"},
        )
    except av.error.FFmpegError as error:
        raise MediaError(name, "not_media", error.strerror or "") from error


def _is_moving_picture(stream: VideoStream) -> bool:
    """False for cover art and for streams no decoder is there for."""
    return bool(
        stream.codec_context
        and stream.codec_context.width
        and not stream.disposition & Disposition.attached_pic
    )


def _start_seconds(video: VideoStream | None, audio: AudioStream | None) -> float:
    """The earlier start of the two streams.

    Sound before zero is encoder priming (Opus in WebM starts at -7 ms), not content.
    """
    starts = []
    if video is not None and video.start_time is not None:
        starts.append(to_seconds(video, video.start_time))
    if audio is not None and audio.start_time is not None:
        starts.append(max(0.0, to_seconds(audio, audio.start_time)))
    return min(starts, default=0.0)
