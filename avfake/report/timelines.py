"""Scores over time as coordinates in a drawing, and round numbers along its axes."""

import math
from dataclasses import dataclass

import numpy as np

from avfake.labels import Part
from avfake.report.wording import percent, span, spoken_segments
from avfake.verdict import Segment, Verdict

WIDTH, HEIGHT = 600.0, 64.0
"""Size of a drawing, in its own units; the page scales it."""
MOST_TICKS = 6
"""More would run into each other on a telephone."""
LEAST_GAP_PERCENT = 10
"""Least distance of two labels, in percent of the height."""
FREQUENCIES_HZ = (250, 500, 1000, 2000, 4000, 8000, 16_000)

Scores = list[tuple[float, float, float]]
"""Start and end in seconds, with a score each; they are equal for a single picture."""


@dataclass(frozen=True)
class Tick:
    """A number on an axis."""

    percent: float
    """Share of the way along the axis."""
    label: str


@dataclass(frozen=True)
class Score:
    """One score, with where it is drawn."""

    seconds: float
    """Its time; of a window of sound the middle."""
    p_fake: float
    x: float
    y: float
    wide: float = 0.0
    """Width of a window of sound; 0 for a single picture."""


@dataclass(frozen=True)
class Timeline:
    """One row: a person's face, or the voice."""

    title: str
    about: str
    """More about the row, such as the mean score; may be empty."""
    scores: tuple[Score, ...]
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


def timelines(verdict: Verdict, seconds: float | None = None) -> Timelines:
    """Return the scores of a verdict over time.

    Segments are left out where the decision is genuine, and faces where the detector was never
    trained on any: their scores are noise.

    seconds: length of the file, if it is known; the axis ends with the last score where that is
        later
    """
    untrained = any(str(reason) == "face:not_trained" for reason in verdict.reasons)
    persons = () if untrained and verdict.p_face_fake is None else verdict.persons
    moments = [face.seconds for person in persons for face in person.frames]
    ends = [one.end_seconds for person in persons for one in person.segments]
    ends += [window.end_seconds for window in verdict.voice]
    length = max([*moments, *ends, seconds or 0.0], default=0.0)
    draw = _Rows(verdict, WIDTH / max(length, 1e-6))
    rows = [
        draw.row(
            f"Face of person {person.person_id}",
            [(face.seconds, face.seconds, face.p_fake) for face in person.frames],
            person.person_id,
            about=f"mean score {percent(person.p_face_fake)}",
        )
        for person in persons
    ]
    if verdict.voice:
        windows = [(one.start_seconds, one.end_seconds, one.p_fake) for one in verdict.voice]
        rows.append(draw.row("Voice", windows))
    return Timelines(tuple(rows), length, ticks(0.0, length, "s"))


class _Rows:
    """Draws rows of one verdict on one axis."""

    def __init__(self, verdict: Verdict, scale: float) -> None:
        """scale: units of the drawing in a second"""
        self.verdict, self.scale = verdict, scale
        self.spoken = spoken_segments(verdict)

    def row(
        self, title: str, scores: Scores, person_id: int | None = None, *, about: str = ""
    ) -> Timeline:
        """person_id: whose face it is; None for the voice"""
        part: Part = "voice" if person_id is None else "face"
        mine = [one for one in self.spoken if (one.part, one.person_id) == (part, person_id)]
        is_forged = self.verdict.is_about(part)
        times = ", ".join(span(one.segment) for one in mine)
        return Timeline(
            title,
            about,
            tuple(self._score(*one) for one in scores),
            tuple(self._edges(one.segment) for one in mine),
            f"{'looks forged' if is_forged else 'stands out'}: {times}" if mine else "",
            is_forged,
        )

    def _score(self, start: float, end: float, p_fake: float) -> Score:
        return Score(
            round((start + end) / 2, 3),
            p_fake,
            x=round(start * self.scale, 1),
            y=round(HEIGHT * (1 - p_fake), 1),
            wide=round((end - start) * self.scale, 1),
        )

    def _edges(self, one: Segment) -> tuple[float, float]:
        wide = (one.end_seconds - one.start_seconds) * self.scale
        return round(one.start_seconds * self.scale, 1), round(max(2.0, wide), 1)


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
