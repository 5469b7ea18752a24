"""What the clock of a file did, in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from avfake.media.stamps import Stamps
from avfake.media.types import Note

NUM_TOLD = 3
"""So many times or jumps are told one by one."""


@dataclass(frozen=True)
class Event:
    """One break of the time stamps."""

    code: str
    """A key of `REASONS`."""
    said: str
    """What the clock does there."""
    seconds: float
    """When, in container seconds after what was moved."""
    streams: tuple[int, ...]
    """Numbers of those whose stamps do."""


def told(
    events: Sequence[Event], streams: Sequence[Stamps], of: int, zero_seconds: float
) -> tuple[Note, ...]:
    """Notes on one stream: one for each code, with seconds of the file."""
    alone = sum(len(stream) > 0 for stream in streams) == 1
    details: dict[str, dict[str, list[float]]] = {}
    for event in events:
        if of in event.streams:
            joint = alone or len(event.streams) > 1
            subject = "the clock" if joint else f"the clock of the {streams[of].packets.kind} alone"
            times = details.setdefault(event.code, {}).setdefault(f"{subject} {event.said}", [])
            times.append(max(0.0, event.seconds - zero_seconds))
    return tuple(
        Note(code, "; ".join(f"{said} at {_listed(times)}" for said, times in _first(found)))
        for code, found in details.items()
    )


def _first(found: dict[str, list[float]]) -> list[tuple[str, list[float]]]:
    return list(found.items())[:NUM_TOLD]


def _listed(times: list[float]) -> str:
    shown = [f"{seconds:.1f}" for seconds in sorted(times)[:NUM_TOLD]]
    more = f" s and {len(times) - NUM_TOLD} times more" if len(times) > NUM_TOLD else " s"
    return ", ".join(shown) + more
