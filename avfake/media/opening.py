"""Open files: the picture stream and the sound stream that are used, their clock and damage."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from avfake import limits
from avfake.errors import MediaError, Reason
from avfake.limits import in_time
from avfake.media.clock import Clock, MediaStream, StreamClock
from avfake.media.containers import every_packet, open_container, picture_stream, sound_streams
from avfake.media.files import local_file
from avfake.media.header import indexed_clock
from avfake.media.pictures import Size
from avfake.media.scanning import scanned

MAX_AT_END = 2
"""Packets that may be lost at the end of a truncated file, for which there is a note already."""
MAX_SHARE_AT_START = 0.2
"""Share of packets that may be lost at the start: they may refer to data before the file."""
MIN_SHARE = 0.005
"""A smaller share of lost packets is not reported."""


class Damage:
    """Counts of packets that could and could not be decoded."""

    def __init__(self) -> None:
        self.num_packets = 0
        self._at_start = self._between = self._since_last = 0
        self._has_content = False

    def add(self, *, lost: bool, gave: bool) -> None:
        """Count a packet. lost: it could not be decoded; gave: frames came out."""
        self.num_packets += 1
        self._since_last += lost
        if gave and not self._has_content:
            self._at_start, self._since_last, self._has_content = self._since_last, 0, True
        elif gave:
            self._between, self._since_last = self._between + self._since_last, 0

    def notes(self) -> tuple[Reason, ...]:
        """Return a note on lost packets, unless a cut at either end explains them."""
        lost = self._between
        if self._since_last > MAX_AT_END:
            lost += self._since_last
        if self._at_start > MAX_SHARE_AT_START * self.num_packets:
            lost += self._at_start
        if lost <= MIN_SHARE * self.num_packets:
            return ()
        return (Reason("file", "damaged", f"{lost} of {self.num_packets} packets"),)


class UnsafeThreadsError(Exception):
    """Several threads of a decoder met damage: what they give depends on which one is faster.

    Threads read pictures that others are still mending; alone, one gives the same each time.
    """


NUM_THREADS = 2
"""Threads of a decoder of many pictures; files are read in parallel, so more would only compete."""
NUM_KNOWN = 32
"""Files whose clock is cached, because each is opened several times."""
_KNOWN: dict[tuple[Path, int, int, tuple[int, ...]], tuple[Clock, Size | None]] = {}


@dataclass
class OpenMedia:
    """An open container with the picture stream and the sound stream that are used."""

    name: str
    """The path as the caller gave it, for messages."""
    file: Path
    container: InputContainer
    video: VideoStream | None
    audio: AudioStream | None
    tracks: tuple[int, ...]
    """Index of each sound stream, the one that a player would choose first."""
    clock: Clock
    size: Size | None
    """Width and height in which all pictures are shown: those of the largest known picture, so that
    none is made smaller, or of the first that was decoded."""
    picture_damage: Damage = field(default_factory=Damage)

    def packets(self) -> Iterator[Packet]:
        """Yield the packets of both streams, as they are stored."""
        return every_packet(self.container, *filter(None, (self.video, self.audio)))

    def clock_of(self, stream: MediaStream) -> StreamClock:
        return self.clock.streams[stream.index]


@contextmanager
def open_media(path: str | Path, *, threads: int = 1) -> Iterator[OpenMedia]:
    """Open the container at `path`; MediaError if it is not media.

    threads: of the decoder of pictures; above 1, `decoded` raises UnsafeThreadsError at damage
    """
    with local_file(path) as file, _opened(file, str(path), threads=threads) as media:
        yield media


@contextmanager
def reopened(media: OpenMedia, *, track: int | None = None) -> Iterator[OpenMedia]:
    """Open the same file again, with another sound track if one is given."""
    if track is None and media.audio is not None:
        track = media.audio.index
    threads = media.video.codec_context.thread_count if media.video else 1
    with _opened(media.file, media.name, track=track, threads=threads) as again:
        yield again


def read_packets(
    media: OpenMedia, stream: MediaStream, *, from_start: bool = True
) -> Iterator[Packet | None]:
    """Yield packets of one stream up to its end or its damage, then None to flush the decoder.

    Their stamps are moved onto the clock of the file, except after a seek (`from_start` False),
    which needs a plain clock.
    """
    packets = every_packet(media.container, stream)
    yield from media.clock_of(stream).moved(packets) if from_start else packets
    yield None


def decoded(
    stream: MediaStream, packets: Iterable[Packet | None], damage: Damage
) -> Iterator[Any]:  # VideoFrame or AudioFrame
    """Yield the frames of packets; damage is counted, and raised only where threads meet it."""
    for packet in packets:
        try:
            frames = stream.decode(packet)
        except av.error.FFmpegError:
            frames = None
        is_whole = frames is not None and not any(frame.is_corrupt for frame in frames)
        if not is_whole and stream.codec_context.thread_count > 1:
            raise UnsafeThreadsError
        if packet is not None:
            damage.add(lost=not is_whole, gave=bool(frames))
        yield from frames or []


@contextmanager
def _opened(
    file: Path, name: str, *, track: int | None = None, threads: int = 1
) -> Iterator[OpenMedia]:
    with open_container(file, name=name) as container:
        video = picture_stream(container, file)
        sounds = sound_streams(container, video)
        audio = next((stream for stream in sounds if track in (None, stream.index)), None)
        streams = [stream for stream in (video, audio) if stream is not None]
        if not streams:
            raise MediaError(name, "not_media", f"{container.format.name}: no picture, no sound")
        _check_extent(video, name)
        clock, size = _clock_and_size(container, file, streams)
        _check_length(clock, name)
        if video is not None:
            video.thread_type = "AUTO"
            codec = video.codec_context
            codec.thread_count = threads
            if threads > 1:
                # Damage is an error then. Of its flags, those of other threads may come too late.
                codec.options = codec.options | {"err_detect": "explode"}
        tracks = tuple(stream.index for stream in sounds)
        yield OpenMedia(name, file, container, video, audio, tracks, clock, size)


def _check_extent(video: VideoStream | None, name: str) -> None:
    """Raise MediaError for a picture that would take too much memory once it is decoded."""
    if video is None:
        return
    codec, allowed = video.codec_context, limits.current().megapixels
    if codec.width * codec.height > 1e6 * allowed:
        size = f"{codec.width} x {codec.height} px; up to {allowed:g} megapixels are taken"
        raise MediaError(name, "too_large", size)


def _check_length(clock: Clock, name: str) -> None:
    """Raise MediaError for a file that lasts too long."""
    seconds = max((stream.end_seconds or 0.0 for stream in clock.streams.values()), default=0.0)
    allowed = limits.current().hours
    if seconds > 3600 * allowed:
        detail = f"it lasts {in_time(seconds)}; up to {in_time(3600 * allowed)} are taken"
        raise MediaError(name, "too_long", detail)


def _clock_and_size(
    container: InputContainer, file: Path, streams: list[MediaStream]
) -> tuple[Clock, Size | None]:
    """Return the clock of the streams, and the size of their pictures if it was measured."""
    about, indices = file.stat(), tuple(stream.index for stream in streams)
    key = (file, about.st_size, about.st_mtime_ns, indices)
    if key not in _KNOWN:
        clock = indexed_clock(container, file, streams)
        known = (clock, None) if clock else scanned(file, indices)
        while len(_KNOWN) >= NUM_KNOWN:
            _KNOWN.pop(next(iter(_KNOWN)), None)
        _KNOWN[key] = known
    return _KNOWN[key]
