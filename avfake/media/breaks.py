"""Where the time stamps of streams do not go on, and by how much what follows is moved.

A run is a row of packets of one stream whose stamps go on. An epoch is one recording: the runs,
at most one of each stream, that share a clock. Joined files are several epochs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from avfake.media.events import Event
from avfake.media.stamps import Stamps

MAX_GAP_SECONDS = 3600.0
"""One stream may start so much later, or pause so long, while the other goes on or is absent."""
SAME_TIME_SECONDS = 10.0
"""Stamps of two streams that are nearer than this may belong to one recording."""
BACK_SECONDS = 0.2
"""Stamps that go back by less are careless writing, not a new start."""
MAX_STRAY = 3
"""So many packets in a row may have stray stamps, between others that go on."""
MAX_LAG = 8
"""So many epochs one stream may have come further than the other, in the order of the file."""


@dataclass
class Run:
    """Packets `first` to `end` - 1 of a stream."""

    stream: int
    first: int
    end: int
    low: float
    """Earliest second shown, and the end of the latest, by the stamps."""
    high: float
    order: int
    """Place of its first packet in the file."""
    previous: "Run | None" = None
    epoch: int = -1

    def holds(self, seconds: float, *, tolerance: float) -> bool:
        """Whether a time lies in it or near it."""
        return self.low - tolerance <= seconds <= self.high + tolerance


def close_breaks(streams: Sequence[Stamps]) -> list[Event]:
    """Move runs of packets so that they follow each other, and say where that was needed."""
    runs = [_runs(number, stream) for number, stream in enumerate(streams)]
    every = [run for found in runs for run in found]
    events: list[Event] = []
    for number, stream in enumerate(streams):
        others = [run for run in every if run.stream != number]
        runs[number] = _without_strays(runs[number], stream, others, events)
    in_order = sorted((run for found in runs for run in found), key=lambda run: run.order)
    epochs = _epochs(in_order)
    first = min((run.low for members in epochs[:1] for run in members), default=0.0)
    moved_by: list[float] = []
    for members in epochs:
        seconds = _seconds_to_move(members, moved_by, first)
        if moved_by:
            events.append(_event(streams, members, first))
        moved_by.append(seconds)
        for run in members:
            streams[run.stream].shifts[run.first : run.end] = seconds
    return events


def _runs(number: int, stream: Stamps) -> list[Run]:
    if not len(stream):
        return []
    steps = np.diff(stream.times)
    back = steps < -max(BACK_SECONDS, stream.slack)
    ahead = steps > max(MAX_GAP_SECONDS, 3 * stream.step)
    edges = [0, *(np.flatnonzero(back | ahead) + 1).tolist(), len(stream)]
    runs = []
    for first, end in pairwise(edges):
        shown = stream.shown[first:end]
        high = float((shown + stream.lasting[first:end]).max())
        order = int(stream.packets.order[first])
        runs.append(Run(number, first, end, float(shown.min()), high, order))
    return runs


def _without_strays(
    runs: list[Run], stream: Stamps, others: list[Run], events: list[Event]
) -> list[Run]:
    """The runs, those of a few stray packets made part of the one that goes on after them."""
    kept: list[Run] = []
    for run in runs:
        if kept and _is_stray(kept, run, stream, others):
            stray = kept.pop()
            _ignore(stray, run, stream, events)
            before = kept.pop() if kept else stray
            low, high = min(before.low, run.low), max(before.high, run.high)
            if before is stray:
                low, high = float(stream.shown[stray.first]), run.high
            run = Run(run.stream, before.first, run.end, low, high, before.order)
        kept.append(run)
    for before, run in pairwise(kept):
        run.previous = before
    return kept


def _is_stray(kept: list[Run], run: Run, stream: Stamps, others: list[Run]) -> bool:
    """Whether the last run kept is stray: the next one goes on where the one before it ended,

    or, where none is before it, is when the other stream is while the stray is not.
    """
    stray = kept[-1]
    size = stray.end - stray.first
    if size > MAX_STRAY:
        return False
    if len(kept) > 1:
        ahead = stream.times[run.first] - stream.times[kept[-2].end - 1]
        return bool(0 <= ahead <= 2 * (size + 1) * stream.step + BACK_SECONDS)
    there, elsewhere = (
        any(other.holds(low, tolerance=SAME_TIME_SECONDS) for other in others)
        for low in (run.low, stray.low)
    )
    return there and not elsewhere


def _ignore(stray: Run, after: Run, stream: Stamps, events: list[Event]) -> None:
    """Give stray packets the times right before the run after them."""
    size = stray.end - stray.first
    off = abs(stray.low - after.low)
    stream.is_stray[stray.first : stray.end] = True
    stream.shown[stray.first : stray.end] = after.low - stream.step * np.arange(size, 0, -1)
    said = f"is {off:.0f} s off for {size} packet{'s' * (size > 1)}"
    events.append(Event("clock_jumps", said, stray.stream, stray.first, (stray.stream,)))


def _epochs(runs: list[Run]) -> list[list[Run]]:
    """Runs that share a clock, in the order in which the file comes to them."""
    epochs: list[list[Run]] = []
    for run in runs:
        after = run.previous.epoch if run.previous else -1
        tolerance = SAME_TIME_SECONDS if run.previous else MAX_GAP_SECONDS
        fitting = [
            number
            for number in range(max(after + 1, len(epochs) - MAX_LAG), len(epochs))
            if all(other.stream != run.stream for other in epochs[number])
            and any(other.holds(run.low, tolerance=tolerance) for other in epochs[number])
        ]
        if fitting:
            # Of several, as where a file is repeated, the one that the file is at.
            run.epoch = min(fitting, key=lambda number: abs(epochs[number][0].order - run.order))
        else:
            run.epoch = len(epochs)
            epochs.append([])
        epochs[run.epoch].append(run)
    return epochs


def _seconds_to_move(members: list[Run], moved_by: list[float], first: float) -> float:
    """What puts an epoch right after what came before it, in each of its streams."""
    ends = [
        run.previous.high + moved_by[run.previous.epoch] - run.low
        for run in members
        if run.previous
    ]
    # A stream that is far from the other from its first packet on is taken to start with it.
    return max(ends) if ends else first - min(run.low for run in members)


def _event(streams: Sequence[Stamps], members: list[Run], first: float) -> Event:
    run = members[0]
    ahead = run.low - (run.previous.high if run.previous else first)
    wraps = streams[run.stream].packets.wraps_after
    if wraps and ahead > wraps / 2:
        # libavformat takes stamps that start again for a counter that ran over.
        ahead -= wraps
    code, said = ("clock_restarts", "starts again")
    if ahead > 0:
        code, said = "clock_jumps", f"skips {ahead:.0f} s"
    return Event(code, said, run.stream, run.first, tuple(run.stream for run in members))
