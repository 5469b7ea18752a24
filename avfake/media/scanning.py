"""The clock of files without a reliable index, from the stamps of all packets, without decoding.

Matroska and fragmented MP4 can be joined end to end as MPEG-TS can, so the stamps of packets need
not belong to one recording; WAV and MP3 may state an estimated length. The file is read once.
"""

import math
from array import array
from pathlib import Path

import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from avfake.media.clock import DEFAULT_FPS, Clock, MediaStream, StreamClock, has_stamps, stated_rate
from avfake.media.containers import every_packet, open_container
from avfake.media.header import left_over, stated_seconds, truncation
from avfake.media.pictures import Size, Sizes
from avfake.media.stamps import Packets
from avfake.media.timeline import Timeline, align
from avfake.media.types import Note

COUNTER_SECONDS = {"mpegts": 2**33 / 90_000, "mpeg": 2**33 / 90_000}
"""Format -> seconds after which its stamps start at 0 again."""
MAX_LATE = 8
"""Packets of a stream that may come after the first of the stream that follows it."""
FRAME_SAMPLES = 1024
"""Samples of a sound packet without a stated duration."""


def scanned(file: Path, indices: tuple[int, ...]) -> tuple[Clock, Size | None]:
    """Return the clock of the streams with these indices, and the size that holds all pictures.

    The size is measured on a few key frames; None where none was decoded.
    """
    with open_container(file, name=str(file)) as container:
        streams = [_playable(container, index) for index in indices]
        sizes = Sizes(streams, file.stat().st_size)
        columns: dict[int, _Columns] = {index: _Columns() for index in indices}
        first_byte, last_byte, reached = None, 0, 0.0
        for order, packet in enumerate(every_packet(container)):
            if packet.stream.type in ("video", "audio"):
                columns.setdefault(packet.stream_index, _Columns()).add(order, packet)
                sizes.add(packet)
            reached = max(reached, _end_seconds(packet))
            if packet.pos is not None:
                first_byte = packet.pos if first_byte is None else first_byte
                last_byte = packet.pos + packet.size
        found = {at: rows.packets(_playable(container, at)) for at, rows in columns.items()}
        stated = stated_seconds(container, file, first_byte=first_byte, there=reached)
        missing = truncation(stated, reached) + left_over(container.format.name, file, last_byte)
        has_rate = has_stamps(container)
    packets = [found.pop(index) for index in indices]
    zero, timelines = align(packets)
    clocks = {}
    for index, rows, timeline in zip(indices, packets, timelines, strict=True):
        notes = _following(rows, list(found.values())) + missing
        if not has_rate:
            notes += _rate_note(rows)
        clocks[index] = _clock(timeline, notes)
    return Clock(zero, clocks, is_scanned=True), sizes.size


class _Columns:
    """The stamps of one stream in the order of the file, in ticks."""

    def __init__(self) -> None:
        self._order, self._lasting = array("q"), array("q")
        self._decoded, self._shown = array("d"), array("d")

    def add(self, order: int, packet: Packet) -> None:
        self._order.append(order)
        self._decoded.append(math.nan if packet.dts is None else packet.dts)
        self._shown.append(math.nan if packet.pts is None else packet.pts)
        self._lasting.append(packet.duration or 0)

    def packets(self, stream: MediaStream) -> Packets:
        tick = float(stream.time_base or 0)
        if isinstance(stream, VideoStream):
            rate = stated_rate(stream) or DEFAULT_FPS
        else:
            rate = (stream.rate or 16_000) / FRAME_SAMPLES
        return Packets(
            kind="picture" if isinstance(stream, VideoStream) else "sound",
            order=np.array(self._order, np.int64),
            decoded=np.array(self._decoded) * tick,
            shown=np.array(self._shown) * tick,
            lasting=np.array(self._lasting) * tick,
            usual_step=1 / rate,
            stated_start=None if stream.start_time is None else stream.start_time * tick,
            wraps_after=COUNTER_SECONDS.get(stream.container.format.name),
        )


def _end_seconds(packet: Packet) -> float:
    stamp = packet.dts if packet.pts is None else packet.pts
    if stamp is None:
        return 0.0
    return float((stamp + (packet.duration or 0)) * (packet.time_base or 0))


def _playable(container: InputContainer, index: int) -> MediaStream:
    stream = container.streams[index]
    assert isinstance(stream, VideoStream | AudioStream)
    return stream


def _following(packets: Packets, others: list[Packets]) -> tuple[Note, ...]:
    """Return a note if other streams of the kind begin where this one ends, as in joined files."""
    following = [
        other
        for other in others
        if other.kind == packets.kind
        and len(other) > 1
        and np.isfinite(other.shown).any()
        and (packets.order > other.order[0]).sum() <= MAX_LATE < len(packets)
    ]
    if not following:
        return ()
    stamps = [np.concatenate([other.decoded, other.shown]) for other in following]
    seconds = sum(float(np.ptp(known[np.isfinite(known)])) for known in stamps)
    return (Note("left_out", f"{seconds:.1f} s in a stream that begins where this one ends"),)


def _rate_note(packets: Packets) -> tuple[Note, ...]:
    if packets.kind == "sound" or len(packets) < 2:
        return ()
    step = float(np.median(packets.lasting)) or packets.usual_step
    return (Note("no_clock", f"taken as {1 / step:.5g} pictures a second"),)


def _clock(timeline: Timeline, notes: tuple[Note, ...]) -> StreamClock:
    shifts = timeline.shifts
    edges = [0, *(np.flatnonzero(~_same(shifts[1:], shifts[:-1])) + 1).tolist()]
    moves = [
        (at, None if np.isnan(shifts[at]) else float(shifts[at])) for at in edges if len(shifts)
    ]
    return StreamClock(
        timeline.start_seconds,
        timeline.end_seconds,
        timeline.filled_seconds,
        tuple(moves) or ((0, 0.0),),
        timeline.notes + notes,
        timeline.step_seconds,
    )


def _same(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return (one == other) | (np.isnan(one) & np.isnan(other))
