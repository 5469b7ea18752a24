"""The clock of a file: when its streams start and end, and by how much time stamps are moved."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from av.audio.stream import AudioStream
from av.container import Container
from av.packet import Packet
from av.video.stream import VideoStream

from avfake.errors import Reason

MediaStream = VideoStream | AudioStream
DEFAULT_FPS = 25.0
"""Frame rate where the file states none."""
MAX_TICKS = 2**62
"""A time stamp beyond it is damaged."""
HAS_NO_STAMPS = 0x80
"""AVFMT_NOTIMESTAMPS of libavformat: the packets of the format have no time stamps."""


@dataclass(frozen=True)
class StreamClock:
    """One stream on the clock of its file; all seconds are those of the file."""

    start_seconds: float = 0.0
    end_seconds: float | None = None
    """None where unknown."""
    filled_seconds: float = 0.0
    """Duration without gaps."""
    notes: tuple[Reason, ...] = ()
    shifts: np.ndarray | None = None
    """float64 [N] seconds to be added to the stamps of each packet; NaN: its stamps are ignored;
    None: all 0."""
    step_seconds: float | None = None
    """Usual time from one packet to the next; None where it was not measured."""

    @property
    def is_plain(self) -> bool:
        """Whether no stamp is moved: only then can the container seek to a time."""
        return self.shifts is None or not self.shifts.any()

    def moved(self, packets: Iterable[Packet]) -> Iterator[Packet]:
        """Yield all packets of the stream, from the first on, with their stamps moved."""
        if self.shifts is None or self.is_plain:
            yield from packets
            return
        comparable = np.nan_to_num(self.shifts, nan=np.inf)
        is_after_break = np.maximum.accumulate(comparable != comparable[0])
        for number, packet in enumerate(packets):
            at = min(number, len(self.shifts) - 1)
            # libavformat marks packets whose stamps go back as not to be shown.
            given = _to_be_shown(packet) if is_after_break[at] and packet.is_discard else packet
            _move(given, float(self.shifts[at]))
            yield given


@dataclass(frozen=True)
class Clock:
    """Second 0 of a file, and its streams."""

    zero_seconds: float
    """Second 0 of the file in seconds of the container, after moving."""
    streams: dict[int, StreamClock]
    """Index of the stream in the container -> stream."""
    is_scanned: bool
    """Whether all packets were read, so that end times are exact."""


def to_seconds(stream: MediaStream, ticks: int | None) -> float:
    """Return seconds for ticks of the stream's clock; 0 for None.

    The time base of a packet or frame is not used: PyAV leaves it out when a decoder is flushed.
    """
    return float((ticks or 0) * (stream.time_base or 0))


def has_stamps(container: Container) -> bool:
    """Return False for sequences of bare pictures, which have no time stamps."""
    form = container.format
    return not (form.flags & HAS_NO_STAMPS or form.name.endswith("_pipe"))


def stated_rate(stream: VideoStream) -> float | None:
    """Return the frame rate that the file states, if it does."""
    rates = [stream.average_rate, stream.guessed_rate]
    if not has_stamps(stream.container):
        rates.reverse()  # the average is only an assumption of libavformat
    return next((float(rate) for rate in rates if rate), None)


def _to_be_shown(packet: Packet) -> Packet:
    """Return a copy of a packet without the mark that it is not to be shown."""
    # Memory of FFmpeg, not of Python: a thread of the decoder frees it, and would wait for Python's
    # lock, while whoever closes the decoder holds the lock and waits for the thread.
    copy = Packet(packet.size)
    copy.update(bytes(packet))
    copy.stream, copy.time_base = packet.stream, packet.time_base
    copy.pts, copy.dts, copy.duration = packet.pts, packet.dts, packet.duration
    copy.is_keyframe = packet.is_keyframe
    return copy


def _move(packet: Packet, seconds: float) -> None:
    if math.isnan(seconds):
        packet.pts = packet.dts = None
    elif seconds:
        ticks = round(seconds / packet.time_base)
        stamps = [None if one is None else one + ticks for one in (packet.pts, packet.dts)]
        # A damaged stamp may be moved past what a container can hold.
        packet.pts, packet.dts = (None if one and abs(one) > MAX_TICKS else one for one in stamps)
