"""Time stamps of the packets of a file, made into one clock that never goes back.

Pure arithmetic; `scanning.py` collects the stamps. Where the stamps of picture and sound both start
again (files joined one after the other) or jump, both are moved by the same amount, so that the
sound stays with its picture; where those of one stream alone do, only that stream is moved. What is
usual stays: pictures stored out of order, a changing frame rate, pauses, a late start.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from avfake.media.breaks import MAX_GAP_SECONDS, SAME_TIME_SECONDS, close_breaks
from avfake.media.events import Event, told
from avfake.media.stamps import Packets, Stamps
from avfake.media.types import Note

LONE_PAUSE_SECONDS = 60.0
"""A time without a picture, where there is no sound beside it, is closed up if it is longer,"""
LONE_PAUSE_STEPS = 20
"""and so many times longer than nearly all steps: it is no time-lapse and no still scene."""


@dataclass(frozen=True)
class Timeline:
    """One stream on the clock of the file."""

    shifts: np.ndarray
    """float64 [N] seconds to be added to the stamps of each packet; NaN: they mean nothing."""
    start_seconds: float
    """Seconds of the file, as those that follow; 0 without packets."""
    end_seconds: float
    filled_seconds: float
    """What all packets last together, without the gaps between them."""
    step_seconds: float
    """From one packet to the next, usually."""
    notes: tuple[Note, ...]


def align(packets: Sequence[Packets]) -> tuple[float, list[Timeline]]:
    """(container second that is second 0 of the file, each stream on the one clock).

    Second 0 is the earlier start of the streams.
    """
    streams = [Stamps.of(one) for one in packets]
    events = _close_gaps(streams, close_breaks(streams))
    zero = min((stream.start for stream in streams if len(stream)), default=0.0)
    return zero, [
        Timeline(
            np.where(stream.is_stray, np.nan, stream.shifts),
            stream.start - zero if len(stream) else 0.0,
            stream.end - zero if len(stream) else 0.0,
            float(stream.lasting.sum()),
            stream.step,
            told(events, streams, number, zero),
        )
        for number, stream in enumerate(streams)
    ]


def _close_gaps(streams: list[Stamps], events: list[Event]) -> list[Event]:
    """Close up times in which no stream has anything, where they are no pauses.

    events: what was found before; given back with those that are added, on the clock as it is then.
    """
    gaps = [gap for gap in _gaps(streams) if gap.around]
    edges = np.array([gap.end for gap in gaps])
    closed = np.array([0.0, *(gap.end - gap.start for gap in gaps)]).cumsum()
    for gap in gaps:
        said = f"skips {gap.end - gap.start:.0f} s"
        events.append(Event("clock_jumps", said, gap.start, gap.around))
    for stream in streams:
        stream.shifts -= closed[np.searchsorted(edges, stream.moved, side="right")]
    return [
        replace(event, seconds=event.seconds - float(closed[np.searchsorted(edges, event.seconds)]))
        for event in events
    ]


@dataclass(frozen=True)
class _Gap:
    start: float
    end: float
    around: tuple[int, ...]
    """Streams with packets on both sides of it; none where it may stay."""


def _gaps(streams: list[Stamps]) -> Iterator[_Gap]:
    starts = np.concatenate([stream.moved for stream in streams])
    ends = starts + np.concatenate([stream.lasting for stream in streams])
    order = np.argsort(starts, kind="stable")
    starts, ends = starts[order], np.maximum.accumulate(ends[order])
    for before in np.flatnonzero(starts[1:] - ends[:-1] > SAME_TIME_SECONDS):
        start, end = float(ends[before]), float(starts[before + 1])
        begun = [n for n, stream in enumerate(streams) if (stream.moved < end).any()]
        around = tuple(n for n in begun if (streams[n].moved >= end).any())
        starts_here = len(begun) < sum(len(stream) > 0 for stream in streams)
        pause = _longest_pause([streams[n] for n in around], starts_here=starts_here)
        yield _Gap(start, end, around if end - start > pause else ())


def _longest_pause(around: list[Stamps], *, starts_here: bool) -> float:
    """Seconds that may be empty in the streams that go on afterwards.

    starts_here: whether another stream begins only afterwards.
    """
    if not around:
        return np.inf
    if len(around) > 1 or starts_here:
        return max([SAME_TIME_SECONDS, *(3 * stream.step for stream in around)])
    (stream,) = around
    if stream.packets.kind == "sound":
        return MAX_GAP_SECONDS
    steps = np.diff(np.sort(stream.moved))
    usual = float(np.quantile(steps, 0.95, method="lower"))
    return max(LONE_PAUSE_SECONDS, LONE_PAUSE_STEPS * usual)
