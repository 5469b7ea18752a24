"""Scores over time as coordinates in a drawing, and round numbers along its axes."""

import math
from dataclasses import dataclass

import numpy as np

from avfake.labels import Part
from avfake.verdict import Segment, Verdict

WIDTH, HEIGHT = 600.0, 64.0
"""Size of a drawing, in its own units; the page scales it."""
MOST_TICKS = 6
"""More would run into each other on a telephone."""
LEAST_GAP_PERCENT = 10
"""Least distance of two labels, in percent of the height."""
FREQUENCIES_HZ = (250, 500, 1000, 2000, 4000, 8000, 16_000)

Scores = list[tuple[float, float]]
"""Times in seconds, with a score each."""


@dataclass(frozen=True)
class Tick:
    """A number on an axis."""

    percent: float
    """Share of the way along the axis."""
    label: str


@dataclass(frozen=True)
class Timeline:
    """One row: a person's face, or the voice."""

    title: str
    dots: tuple[tuple[float, float], ...]
    """Coordinates of each score at its time."""
    segments: tuple[tuple[float, float], ...]
    """Left edge and width of each segment that stands out."""
    words: str
    """Segments in words."""
    is_forged: bool
    """Whether they are taken to be forged, or merely stand out."""


@dataclass(frozen=True)
class Timelines:
    """A row for each person and one for the voice, on one axis."""

    rows: tuple[Timeline, ...]
    seconds: float
    """Length of the axis."""
    ticks: tuple[Tick, ...]


def timelines(verdict: Verdict) -> Timelines:
    """Return the scores of a verdict over time.

    Segments are left out where the decision is genuine, and faces where the detector was never
    trained on any: their scores are noise.
    """
    untrained = any(str(reason) == "face:not_trained" for reason in verdict.reasons)
    persons = () if untrained and verdict.p_face_fake is None else verdict.persons
    moments = [face.seconds for person in persons for face in person.frames]
    ends = [one.end_seconds for person in persons for one in person.segments]
    ends += [window.end_seconds for window in verdict.voice]
    seconds = max([*moments, *ends], default=0.0)
    scale = WIDTH / max(seconds, 1e-6)

    def row(title: str, part: Part, scores: Scores, segments: tuple[Segment, ...]) -> Timeline:
        shown = () if verdict.decision == "real" else segments
        spans = [(one.start_seconds, one.end_seconds - one.start_seconds) for one in shown]
        is_forged = verdict.is_about(part)
        words = f"{'forged' if is_forged else 'stands out'}: {', '.join(map(str, shown))}"
        return Timeline(
            title,
            tuple((round(at * scale, 1), round(HEIGHT * (1 - p), 1)) for at, p in scores),
            tuple((round(at * scale, 1), round(max(2.0, wide * scale), 1)) for at, wide in spans),
            words if shown else "",
            is_forged,
        )

    rows = [
        row(
            f"Face of person {person.person_id}, mean score {percent(person.p_face_fake)}",
            "face",
            [(face.seconds, face.p_fake) for face in person.frames],
            person.segments,
        )
        for person in persons
    ]
    if verdict.voice:
        middles = [((v.start_seconds + v.end_seconds) / 2, v.p_fake) for v in verdict.voice]
        rows.append(row("Voice", "voice", middles, verdict.voice_segments))
    return Timelines(tuple(rows), seconds, ticks(0.0, seconds, "s"))


def percent(share: float, digits: int = 0) -> str:
    """Return a share in words, never broken over two lines."""
    return f"{100 * share:.{digits}f}\N{NO-BREAK SPACE}%"


def ticks(low: float, high: float, unit: str) -> tuple[Tick, ...]:
    """Return multiples of 1, 2 or 5 times a power of ten between two bounds that differ."""
    if high <= low:
        return ()
    power = 10.0 ** math.floor(math.log10((high - low) / MOST_TICKS))
    steps = (power * factor for factor in (1, 2, 5, 10))
    step = next(step for step in steps if (high - low) / step < MOST_TICKS)
    first, last = math.ceil(low / step - 1e-6), math.floor(high / step + 1e-6)
    digits = max(0, -math.floor(math.log10(step) + 1e-6))
    return tuple(
        Tick(round(100 * (k * step - low) / (high - low), 2), f"{k * step:.{digits}f} {unit}")
        for k in range(first, last + 1)
    )


def band_ticks(band_hz: np.ndarray) -> tuple[Tick, ...]:
    """Return octaves on an axis of bands [K], each as high as the others, lowest first.

    Of two that would run into each other, as the low ones of a linear scale do, the higher one.
    """
    middles = (np.arange(len(band_hz)) + 0.5) / len(band_hz)
    found: list[Tick] = []
    for hertz in reversed(FREQUENCIES_HZ):
        percent = round(100 * float(np.interp(hertz, band_hz, middles)), 2)
        is_clear = not found or found[-1].percent - percent >= LEAST_GAP_PERCENT
        if band_hz[0] <= hertz <= band_hz[-1] and is_clear:
            found.append(Tick(percent, f"{hertz} Hz"))
    return tuple(reversed(found))
