"""The packets of one stream, missing time stamps filled in, and the events of its clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import numpy as np

from avfake.errors import Reason

Kind = Literal["picture", "sound"]
PRIMING_SECONDS = 0.2
"""Sound that begins at most this much before 0 is the priming of an encoder, not content."""
LONG_SECONDS = 0.2
"""A packet that lasts more than three steps and this does not fill its time."""
FEW_PACKETS = 8
"""Fewer packets do not show whether their stamps increase."""


@dataclass(eq=False)
class Packets:
    """All packets of one stream, in the order of the file; `shifts` moves them onto its clock.

    Given are the stamps of the file, NaN where there is none; the others are computed from them.
    """

    kind: Kind
    order: np.ndarray
    """int [N], the number of each among the packets of all streams."""
    decoded: np.ndarray
    """float64 [N] seconds at which each is decoded: increasing, unless the clock breaks."""
    shown: np.ndarray
    """float64 [N] seconds at which each is shown or heard."""
    lasting: np.ndarray
    """float64 [N] seconds; 0 where unknown."""
    usual_step: float
    """Seconds from one packet to the next, used if the stamps are missing."""
    stated_start: float | None = None
    """Second of the first picture or sample by the container; a packet may begin earlier."""
    wraps_after: float | None = None
    """Seconds after which the time counter of the container starts again."""

    def __post_init__(self) -> None:
        usable = [stamps for stamps in (self.decoded, self.shown) if self._moves(stamps)]
        stamps = usable[0] if usable else np.full(len(self), np.nan)
        self.step = self._median_step(stamps)
        """Usual seconds from one packet to the next."""
        # Pictures may be stored in another order than they are shown in.
        self.slack = (2 if stamps is self.decoded else 20) * self.step
        """Seconds by which the times may decrease without a break of the clock."""
        lasting = np.where(self.lasting > 0, self.lasting, self.step)
        self.times = _completed(stamps, lasting, start=self.shown)
        """float64 [N] seconds without NaN, in decoding order; where they break, the clock does."""
        means_something = np.isfinite(self.shown) & bool(usable)
        self.seconds = np.where(means_something, self.shown, self.times)
        """float64 [N] without NaN, at which each is shown or heard."""
        self.lengths = np.where(lasting > 3 * self.step + LONG_SECONDS, self.step, lasting)
        """float64 [N] seconds above 0; one step for a picture that is shown for long, since the
        rest is a pause or a jump of the clock."""
        self.shifts = np.zeros(len(self))
        """float64 [N] seconds."""
        self.is_stray = np.full(len(self), not usable)
        """bool [N]: the stamps of this packet are ignored."""

    def __len__(self) -> int:
        return len(self.order)

    @property
    def moved(self) -> np.ndarray:
        """float64 [N] seconds on the clock of the file, up to its second 0."""
        return self.seconds + self.shifts

    @property
    def start(self) -> float:
        """Time of the first picture or sample."""
        first = float(self.moved.min())
        stated = self.stated_start
        if stated is not None and abs(stated - first) <= PRIMING_SECONDS:
            first = stated
        is_priming = self.kind == "sound" and -PRIMING_SECONDS <= first < 0
        return 0.0 if is_priming else first

    @property
    def end(self) -> float:
        return float((self.moved + self.lengths).max())

    def _moves(self, stamps: np.ndarray) -> bool:
        """Return False without stamps, or if they hardly increase although packets last long."""
        known = np.isfinite(stamps)
        if not known.any():
            return False
        lasting = np.where(self.lasting > 0, self.lasting, self.usual_step)[known]
        forward = np.diff(stamps[known]).clip(0).sum()
        return len(lasting) < FEW_PACKETS or bool(forward > lasting.sum() / 4)

    def _median_step(self, stamps: np.ndarray) -> float:
        steps = np.diff(stamps[np.isfinite(stamps)])
        for known in (steps[steps > 0], self.lasting[self.lasting > 0]):
            if len(known):
                return float(np.median(known))
        return self.usual_step


def _completed(stamps: np.ndarray, lasting: np.ndarray, *, start: np.ndarray) -> np.ndarray:
    """Fill in missing stamps by the durations of the packets since the last known one.

    start: stamps of which the first known one is the start if there is none in `stamps`.
    """
    counted = lasting.cumsum() - lasting
    known = np.flatnonzero(np.isfinite(stamps))
    if not len(known):
        return np.append(start[np.isfinite(start)], 0.0)[0] + counted
    before = known[(np.searchsorted(known, np.arange(len(stamps)), side="right") - 1).clip(0)]
    return np.where(np.isfinite(stamps), stamps, stamps[before] + counted - counted[before])


NUM_LISTED = 3
"""Times or jumps that are listed one by one."""


@dataclass(frozen=True)
class Event:
    """One break of the time stamps."""

    code: str
    """A key of `REASONS`."""
    said: str
    """Description of the break."""
    seconds: float
    """Container seconds, after moving."""
    streams: tuple[Packets, ...]
    """Those that it affects."""


def event_notes(
    events: Sequence[Event], stream: Packets, *, is_alone: bool, zero_seconds: float
) -> tuple[Reason, ...]:
    """Return notes on one stream, one for each code, with seconds of the file."""
    details: dict[str, dict[str, list[float]]] = {}
    for event in events:
        if stream in event.streams:
            joint = is_alone or len(event.streams) > 1
            subject = "the clock" if joint else f"the clock of the {stream.kind} alone"
            times = details.setdefault(event.code, {}).setdefault(f"{subject} {event.said}", [])
            times.append(max(0.0, event.seconds - zero_seconds))
    said_of = {
        code: [f"{said} at {_listed(times)}" for said, times in islice(found.items(), NUM_LISTED)]
        for code, found in details.items()
    }
    return tuple(Reason("file", code, "; ".join(said)) for code, said in said_of.items())


def _listed(times: list[float]) -> str:
    shown = [f"{seconds:.1f}" for seconds in sorted(times)[:NUM_LISTED]]
    more = f" s and {len(times) - NUM_LISTED} times more" if len(times) > NUM_LISTED else " s"
    return ", ".join(shown) + more
