"""The clock of files without a reliable index, from the stamps of all packets, without decoding.

Matroska and fragmented MP4 can be joined end to end as MPEG-TS can, so the stamps of packets need
not belong to one recording; WAV and MP3 may state an estimated length. The file is read once.
"""

import math
from array import array
from dataclasses import replace
from pathlib import Path

import numpy as np
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.packet import Packet
from av.video.stream import VideoStream

from avfake.errors import Reason
from avfake.media.clock import DEFAULT_FPS, Clock, MediaStream, has_stamps, stated_rate
from avfake.media.containers import every_packet, open_container
from avfake.media.header import left_over, mapped, stated_seconds, truncation
from avfake.media.pictures import Size, Sizes
from avfake.media.stamps import Packets
from avfake.media.timeline import align

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
        rows = {index: array("d") for index in indices}
        first_byte, last_byte, reached = None, 0, 0.0
        for order, packet in enumerate(every_packet(container)):
            if packet.stream.type in ("video", "audio"):
                dts, pts = (math.nan if t is None else t for t in (packet.dts, packet.pts))
                row = (order, dts, pts, packet.duration or 0)
                rows.setdefault(packet.stream_index, array("d")).extend(row)
                sizes.add(packet)
            reached = max(reached, _end_seconds(packet))
            if packet.pos is not None:
                first_byte = packet.pos if first_byte is None else first_byte
                last_byte = packet.pos + packet.size
        found = {at: _packets(_playable(container, at), flat) for at, flat in rows.items()}
        with mapped(file) as content:
            stated = stated_seconds(container, content, first_byte=first_byte or 0, there=reached)
            missing = left_over(container.format.name, content, last_byte)
        missing = truncation(stated, reached) + missing
        has_rate = has_stamps(container)
    packets = [found.pop(index) for index in indices]
    zero, clocks = align(packets)
    noted = {}
    for index, stamps, clock in zip(indices, packets, clocks, strict=True):
        notes = clock.notes + _following(stamps, list(found.values())) + missing
        if not has_rate:
            notes += _rate_note(stamps)
        shifts = None if clock.is_plain else clock.shifts  # the clock is cached
        noted[index] = replace(clock, notes=notes, shifts=shifts)
    return Clock(zero, noted, is_scanned=True), sizes.size


def _packets(stream: MediaStream, rows: array) -> Packets:
    """Return the stamps of one stream. rows: order, dts, pts and duration of each packet, flat."""
    order, decoded, shown, lasting = np.array(rows).reshape(-1, 4).T
    tick = float(stream.time_base or 0)
    if is_video := isinstance(stream, VideoStream):
        rate = stated_rate(stream) or DEFAULT_FPS
    else:
        # A stream of an unknown codec has no rate.
        rate = (getattr(stream, "rate", None) or 16_000) / FRAME_SAMPLES
    return Packets(
        kind="picture" if is_video else "sound",
        order=order.astype(np.int64),
        decoded=decoded * tick,
        shown=shown * tick,
        lasting=lasting * tick,
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


def _following(packets: Packets, others: list[Packets]) -> tuple[Reason, ...]:
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
    return (
        Reason("file", "left_out", f"{seconds:.1f} s in a stream that begins where this one ends"),
    )


def _rate_note(packets: Packets) -> tuple[Reason, ...]:
    if packets.kind == "sound" or len(packets) < 2:
        return ()
    step = float(np.median(packets.lasting)) or packets.usual_step
    return (Reason("file", "no_clock", f"taken as {1 / step:.5g} pictures a second"),)
