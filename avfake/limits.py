"""How much of the machine one file may take: for files of people who wish a detector harm.

What is past a limit is not read; the answer then names the limit. Limits decide nothing about a
file that keeps within them, and are no part of a bundle. They hold for everything inside `limited`,
so that no reader has to be handed them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from avfake.errors import check_ranges


@dataclass(frozen=True)
class Limits:
    """The most that one file may take."""

    seconds: float = 600.0
    """Time for the answer to one file."""
    hours: float = 24.0
    """Length of a file."""
    megapixels: float = 120.0
    """Size of one picture, 10^6 px; 8K has 33."""
    streams: int = 64
    """Streams of a file."""
    tracks: int = 8
    """Sound tracks that are searched for one that is not silent."""
    members: int = 1_000_000
    """Files in a zip archive."""
    unpacked_gigabytes: float = 8.0
    """Size, 10^9 bytes, to which a file of a zip archive unpacks, or that a store sends."""
    memory_gigabytes: float = 8.0
    """Memory, 10^9 bytes, of the worker process that reads the file, detector included; Linux."""
    temporary_gigabytes: float = 16.0
    """Size, 10^9 bytes, of the temporary files of that process."""

    def __post_init__(self) -> None:
        sizes = ("megapixels", "unpacked_gigabytes", "memory_gigabytes", "temporary_gigabytes")
        check_ranges(self, "limits", **dict.fromkeys(("seconds", "hours", *sizes), "(0, inf)"))
        check_ranges(self, "limits", **dict.fromkeys(("streams", "tracks", "members"), "[1, inf)"))


_CURRENT = ContextVar("limits", default=Limits())  # noqa: B039 - it is frozen


def current() -> Limits:
    """Return the limits that hold here."""
    return _CURRENT.get()


@contextmanager
def limited(limits: Limits) -> Iterator[None]:
    """Let other limits hold inside; a thread takes them along with `contextvars.copy_context`."""
    token = _CURRENT.set(limits)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def in_time(seconds: float) -> str:
    """Return a length of time in words."""
    if seconds < 60:
        return f"{seconds:g} s" if seconds < 10 else f"{seconds:.0f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    words = [f"{hours} h"] * bool(hours) + [f"{minutes} min"] * bool(minutes or rest)
    return " ".join(words + [f"{rest} s"] * bool(rest and not hours))
