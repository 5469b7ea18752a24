"""Time stamps of the packets of a file, made into one clock that never goes back.

Pure arithmetic; `scanning.py` collects the stamps. Where the stamps of picture and sound both start
again (joined files) or jump, both are moved by the same amount, so that the sound stays with its
picture; where those of one stream alone do, only that stream is moved. Not changed are pictures
stored out of order, a changing frame rate, pauses and a late start.

A run is a sequence of packets of one stream whose stamps increase. An epoch is one recording: the
runs, at most one of each stream, that share a clock. Joined files have several epochs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from avfake.media.clock import StreamClock
from avfake.media.stamps import Event, Packets, event_notes

MAX_GAP_SECONDS = 3600.0
"""Longest late start or pause of one stream while the other continues or is absent."""
SAME_TIME_SECONDS = 10.0
"""Stamps of two streams that differ less than this may belong to one recording."""
BACK_SECONDS = 0.2
"""Stamps that decrease by less are inexact writing, not a restart."""
MAX_STRAY = 3
"""Consecutive packets that may have stray stamps between others that continue."""
MAX_LAG = 8
"""Epochs by which one stream may be ahead of the other, in the order of the file."""


@dataclass
class Run:
    """Packets `first` to `end` - 1 of a stream."""

    stream: Packets
    first: int
    end: int
    low: float
    """Earliest second shown, and the end of the latest, by the stamps."""
    high: float
    order: int
    """Number of its first packet in the file."""
    previous: "Run | None" = None
    epoch: int = -1

    def holds(self, seconds: float, *, tolerance: float) -> bool:
        """Return whether a time lies in the run or near it."""
        return self.low - tolerance <= seconds <= self.high + tolerance


def close_breaks(streams: Sequence[Packets]) -> list[Event]:
    """Move runs of packets so that they follow each other; return where that was needed."""
    events = [event for stream in streams for event in _skip_strays(stream)]
    runs = [_runs(stream) for stream in streams]
    for own in runs:
        others = [run for found in runs if found is not own for run in found]
        events += _skip_first(own, others)
    in_order = sorted((run for found in runs for run in found), key=lambda run: run.order)
    epochs = _epochs(in_order)
    first = min((run.low for members in epochs[:1] for run in members), default=0.0)
    moved_by: list[float] = []
    for members in epochs:
        seconds = _seconds_to_move(members, moved_by, first)
        if moved_by:
            events.append(_break_event(members, first, seconds))
        moved_by.append(seconds)
        for run in members:
            run.stream.shifts[run.first : run.end] = seconds
    return events


def _skip_strays(stream: Packets) -> list[Event]:
    """Ignore the stamps of a few packets if those after them continue from those before."""
    times, step = stream.times, stream.step
    steps = np.diff(times)
    back = steps < -max(BACK_SECONDS, stream.slack)
    ahead = steps > max(SAME_TIME_SECONDS, 3 * stream.slack)
    events: list[Event] = []
    for last in np.flatnonzero(back | ahead).tolist():
        later = range(last + 2, min(last + 2 + MAX_STRAY, len(times)))
        passed = [times[after] - times[last] for after in later]
        goes_on = [0 <= p <= 2 * (k + 2) * step + BACK_SECONDS for k, p in enumerate(passed)]
        if any(goes_on) and not stream.is_stray[last]:
            events.append(_ignore_stamps(stream, last + 1, later[goes_on.index(True)]))
    return events


def _skip_first(runs: list[Run], others: list[Run]) -> list[Event]:
    """Ignore the stamps of the first few packets if the other stream matches the later ones."""
    if len(runs) < 2 or runs[0].end > MAX_STRAY:
        return []
    there, elsewhere = (
        any(other.holds(run.low, tolerance=SAME_TIME_SECONDS) for other in others)
        for run in (runs[1], runs[0])
    )
    if elsewhere or not there:
        return []
    event = _ignore_stamps(runs[0].stream, 0, runs[0].end)
    runs[1].first, runs[1].order, runs[1].previous = 0, runs[0].order, None
    runs[1].low = float(runs[0].stream.seconds[0])
    del runs[0]
    return [event]


def _ignore_stamps(stream: Packets, first: int, end: int) -> Event:
    """Set the times of packets to those right before the packet at `end`."""
    size = end - first
    off = abs(stream.times[first] - stream.times[end])
    stream.is_stray[first:end] = True
    before = stream.step * np.arange(size, 0, -1)
    stream.seconds[first:end] = stream.seconds[end] - before
    stream.times[first:end] = stream.times[end] - before
    said = f"is {off:.0f} s off for {size} packet{'s' * (size > 1)}"
    return Event("clock_jumps", said, float(stream.seconds[end]), (stream,))


def _runs(stream: Packets) -> list[Run]:
    if not len(stream):
        return []
    steps = np.diff(stream.times)
    back = steps < -max(BACK_SECONDS, stream.slack)
    ahead = steps > max(MAX_GAP_SECONDS, 3 * stream.step)
    edges = [0, *(np.flatnonzero(back | ahead) + 1).tolist(), len(stream)]
    runs: list[Run] = []
    for first, end in pairwise(edges):
        shown = stream.seconds[first:end]
        high = float((shown + stream.lengths[first:end]).max())
        order = int(stream.order[first])
        previous = runs[-1] if runs else None
        runs.append(Run(stream, first, end, float(shown.min()), high, order, previous))
    return runs


def _epochs(runs: list[Run]) -> list[list[Run]]:
    """Return the runs that share a clock, in the order of the file."""
    epochs: list[list[Run]] = []
    for run in runs:
        after = run.previous.epoch if run.previous else -1
        tolerance = SAME_TIME_SECONDS if run.previous else MAX_GAP_SECONDS
        fitting = [
            number
            for number in range(max(after + 1, len(epochs) - MAX_LAG), len(epochs))
            if all(other.stream is not run.stream for other in epochs[number])
            and any(other.holds(run.low, tolerance=tolerance) for other in epochs[number])
        ]
        if fitting:
            # If a file is repeated, several fit: the nearest in the order of the file is taken.
            run.epoch = min(fitting, key=lambda number: abs(epochs[number][0].order - run.order))
        else:
            run.epoch = len(epochs)
            epochs.append([])
        epochs[run.epoch].append(run)
    return epochs


def _seconds_to_move(members: list[Run], moved_by: list[float], first: float) -> float:
    """Return the shift that puts an epoch right after its predecessor in each of its streams."""
    ends = [
        run.previous.high + moved_by[run.previous.epoch] - run.low
        for run in members
        if run.previous
    ]
    # A stream that is far from the other one from the first packet on is taken to start with it.
    return max(ends) if ends else first - min(run.low for run in members)


def _break_event(members: list[Run], first: float, moved_by: float) -> Event:
    run = members[0]
    ahead = run.low - (run.previous.high if run.previous else first)
    wraps = run.stream.wraps_after
    if wraps and ahead > wraps / 2:
        # libavformat takes stamps that start again for an overflow of the counter.
        ahead -= wraps
    code, said = ("clock_restarts", "starts again")
    if ahead > 0:
        code, said = "clock_jumps", f"skips {ahead:.0f} s"
    return Event(code, said, run.low + moved_by, tuple(run.stream for run in members))


LONE_PAUSE_SECONDS = 60.0
"""A gap of a lone video stream is closed if it is longer than this"""
LONE_PAUSE_STEPS = 20
"""and this many times longer than nearly all steps: then it is no time-lapse or still scene."""


def align(streams: Sequence[Packets]) -> tuple[float, list[StreamClock]]:
    """Return (container second of second 0 of the file, each stream on the common clock).

    Second 0 is the earliest start of a stream.
    """
    events = _close_gaps(streams, close_breaks(streams))
    filled = [stream for stream in streams if len(stream)]
    zero = min((stream.start for stream in filled), default=0.0)
    return zero, [
        StreamClock(
            stream.start - zero if len(stream) else 0.0,
            stream.end - zero if len(stream) else 0.0,
            float(stream.lengths.sum()),
            event_notes(events, stream, is_alone=len(filled) == 1, zero_seconds=zero),
            np.where(stream.is_stray, np.nan, stream.shifts),
            stream.step,
        )
        for stream in streams
    ]


def _close_gaps(streams: Sequence[Packets], events: list[Event]) -> list[Event]:
    """Close gaps of all streams that are too long for pauses.

    events: those found before; they are returned on the new clock, with the added ones.
    """
    gaps = list(_gaps(streams))
    edges = np.array([end for _, end, _ in gaps])
    closed = np.array([0.0, *(end - start for start, end, _ in gaps)]).cumsum()
    for start, end, around in gaps:
        events.append(Event("clock_jumps", f"skips {end - start:.0f} s", start, around))
    for stream in streams:
        stream.shifts -= closed[np.searchsorted(edges, stream.moved, side="right")]
    return [
        replace(event, seconds=event.seconds - float(closed[np.searchsorted(edges, event.seconds)]))
        for event in events
    ]


def _gaps(streams: Sequence[Packets]) -> Iterator[tuple[float, float, tuple[Packets, ...]]]:
    """Yield start and end of each gap to be closed, and the streams with packets on both sides."""
    starts = np.concatenate([stream.moved for stream in streams])
    ends = starts + np.concatenate([stream.lengths for stream in streams])
    order = np.argsort(starts, kind="stable")
    starts, ends = starts[order], np.maximum.accumulate(ends[order])
    for before in np.flatnonzero(starts[1:] - ends[:-1] > SAME_TIME_SECONDS):
        start, end = float(ends[before]), float(starts[before + 1])
        begun = [stream for stream in streams if (stream.moved < end).any()]
        around = tuple(stream for stream in begun if (stream.moved >= end).any())
        starts_here = len(begun) < sum(len(stream) > 0 for stream in streams)
        if end - start > _longest_pause(around, starts_here=starts_here):
            yield start, end, around


def _longest_pause(around: Sequence[Packets], *, starts_here: bool) -> float:
    """Return the longest gap that is kept in the streams that continue after it.

    starts_here: whether another stream begins only after it.
    """
    if not around:
        return np.inf
    if len(around) > 1 or starts_here:
        return max([SAME_TIME_SECONDS, *(3 * stream.step for stream in around)])
    (stream,) = around
    if stream.kind == "sound":
        return MAX_GAP_SECONDS
    steps = np.diff(np.sort(stream.moved))
    usual = float(np.quantile(steps, 0.95, method="lower"))
    return max(LONE_PAUSE_SECONDS, LONE_PAUSE_STEPS * usual)
