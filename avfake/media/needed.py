"""The packets that have to be decoded for the pictures shown at chosen times.

Pictures between two key frames of which none is shown are not decoded at all, and of the others
not those that no other picture refers to. Which picture is shown at a time stays the same.
"""

from bisect import bisect_right, insort
from collections import deque
from collections.abc import Iterable, Iterator

import numpy as np
from av.packet import Packet
from av.video.stream import VideoStream

from avfake.media.clock import to_seconds

WITH_UNUSED = {"h264", "hevc"}
"""Codecs whose decoder can be asked to leave out pictures to which no other refers."""
MAX_REORDERED = 32
"""Packets in which the next picture to be shown arrives; twice the most that the codecs allow."""
SLACK_SECONDS = 1e-3
"""Pictures within this of a wanted time are decoded, too."""
MAX_HELD_BYTES = 32_000_000
"""Packets that wait for the next key frame; beyond it they are decoded."""


def needed_packets(
    stream: VideoStream,
    packets: Iterable[Packet | None],
    wanted: np.ndarray,
    zero_seconds: float,
) -> Iterator[Packet | None]:
    """Yield what the pictures at the wanted times need; None wherever the decoder is to be emptied.

    Args:
        packets: of a stream with plain stamps, in order, then None
        wanted: float64 [N] increasing file seconds
        zero_seconds: second 0 of the file in seconds of the container
    """
    chosen = _without_unneeded_groups(stream, packets, wanted + zero_seconds)
    if stream.codec_context.name in WITH_UNUSED:
        chosen = _without_unused(stream, chosen, wanted + zero_seconds)
    for packet in chosen:
        yield packet
        if packet is None:
            stream.codec_context.flush_buffers()  # or it takes no further packets


def _without_unneeded_groups(
    stream: VideoStream, packets: Iterable[Packet | None], wanted: np.ndarray
) -> Iterator[Packet | None]:
    """Leave out what is followed by a key frame at or before the next wanted time.

    A picture is decoded at or before the time at which it is shown: from the first packet that is
    decoded after a wanted time on, all that can be shown at that time are known.
    """
    held: list[Packet] = []
    num_bytes, position = 0, 0
    for packet in packets:
        if packet is None:
            break
        if packet.dts is None or packet.pts is None:
            # Matroska states no decoding times; those of the first packets stay unknown.
            yield from held
            yield packet
            held, num_bytes = [], 0
            continue
        passed = int(np.searchsorted(wanted, to_seconds(stream, packet.dts) - SLACK_SECONDS))
        if passed > position or num_bytes > MAX_HELD_BYTES:
            yield from held
            held, num_bytes, position = [], 0, max(passed, position)
        if position == len(wanted):
            yield packet  # the picture after the last wanted one
            break
        is_before = to_seconds(stream, packet.pts) <= wanted[position]
        if held and is_before and packet.is_keyframe and _is_independent(stream, packet):
            yield None
            held, num_bytes = [], 0
        held.append(packet)
        num_bytes += packet.size
    yield from held
    yield None


def _is_independent(stream: VideoStream, packet: Packet) -> bool:
    """Return whether decoding can begin with a key frame.

    Containers also mark pictures from which a decoder recovers after some more; not so those that
    H.264 and HEVC call IDR, BLA or CRA, by the type of their units.
    """
    codec, content = stream.codec_context.name, bytes(packet)
    if codec not in WITH_UNUSED:
        return True
    at = 0
    while at + 4 < len(content):  # each unit after its length in four bytes
        header = content[at + 4]
        if header & 31 == 5 if codec == "h264" else 16 <= header >> 1 & 63 <= 21:
            return True
        at += 4 + int.from_bytes(content[at : at + 4])
    return False


def _without_unused(
    stream: VideoStream, packets: Iterable[Packet | None], wanted: np.ndarray
) -> Iterator[Packet | None]:
    """Have the decoder leave out pictures that are neither shown nor referred to."""
    context = stream.codec_context
    waiting: deque[Packet] = deque()
    times: list[float] = []
    recent: deque[float] = deque()

    def given() -> Packet:
        packet = waiting.popleft()
        context.skip_frame = "NONREF" if _is_unshown(stream, packet, times, wanted) else "DEFAULT"
        return packet

    for packet in packets:
        if packet is None:
            while waiting:
                yield given()
            yield None
            continue
        waiting.append(packet)
        if packet.pts is not None:
            insort(times, seconds := to_seconds(stream, packet.pts))
            recent.append(seconds)
            if len(recent) > 2 * MAX_REORDERED:
                times.remove(recent.popleft())
        if len(waiting) > MAX_REORDERED:
            yield given()


def _is_unshown(
    stream: VideoStream, packet: Packet, times: list[float], wanted: np.ndarray
) -> bool:
    """Return whether the next picture is shown before the next wanted time.

    times: increasing, of the packets around it
    """
    if packet.pts is None:
        return False
    seconds = to_seconds(stream, packet.pts)
    after = bisect_right(times, seconds)
    following = times[after] if after < len(times) else np.inf
    position = int(np.searchsorted(wanted, seconds - SLACK_SECONDS))
    return position == len(wanted) or bool(wanted[position] > following + SLACK_SECONDS)
