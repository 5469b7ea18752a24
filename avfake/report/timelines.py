"""Scores over time as coordinates in a drawing, for the page."""

from dataclasses import dataclass

from avfake.report.axes import Tick, ticks
from avfake.verdict import Person, Segment, Verdict

WIDTH, HEIGHT = 600.0, 64.0
"""Of a drawing, in its own units; the page scales it."""


@dataclass(frozen=True)
class Timeline:
    """One row: a person's face, or the voice."""

    title: str
    points: str
    """Of an SVG polyline; each score at its time."""
    dots: tuple[tuple[float, float], ...]
    segments: tuple[tuple[float, float], ...]
    """Left edge and width of each segment that stands out."""
    words: str
    """The same segments in words."""
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
    """The scores of a verdict over time. Segments are left out where it says genuine, and faces
    where the detector was never trained on any: their scores are noise."""
    untrained = any(str(reason) == "face:not_trained" for reason in verdict.reasons)
    persons = () if untrained and verdict.p_face_fake is None else verdict.persons
    moments = [face.seconds for person in persons for face in person.frames]
    ends = [one.end_seconds for person in persons for one in person.segments]
    ends += [window.end_seconds for window in verdict.voice]
    seconds = max([*moments, *ends], default=0.0)
    rows = [_of_person(person, verdict, seconds) for person in persons]
    if verdict.voice:
        rows.append(_of_voice(verdict, seconds))
    return Timelines(tuple(rows), seconds, ticks(0.0, seconds, "s"))


def percent(share: float, digits: int = 0) -> str:
    """A share in words, never broken over two lines."""
    return f"{100 * share:.{digits}f}\N{NO-BREAK SPACE}%"


def _of_person(person: Person, verdict: Verdict, seconds: float) -> Timeline:
    return _timeline(
        f"Face of person {person.person_id}, mean score {percent(person.p_face_fake)}",
        [(face.seconds, face.p_fake) for face in person.frames],
        () if verdict.decision == "real" else person.segments,
        seconds,
        is_forged=verdict.is_about("face"),
    )


def _of_voice(verdict: Verdict, seconds: float) -> Timeline:
    return _timeline(
        "Voice",
        [((one.start_seconds + one.end_seconds) / 2, one.p_fake) for one in verdict.voice],
        () if verdict.decision == "real" else verdict.voice_segments,
        seconds,
        is_forged=verdict.is_about("voice"),
    )


def _timeline(
    title: str,
    scores: list[tuple[float, float]],
    segments: tuple[Segment, ...],
    seconds: float,
    *,
    is_forged: bool,
) -> Timeline:
    scale = WIDTH / max(seconds, 1e-6)
    dots = tuple((round(at * scale, 1), round(HEIGHT * (1 - p), 1)) for at, p in scores)
    spans = tuple(
        (
            round(one.start_seconds * scale, 1),
            round(max(2.0, (one.end_seconds - one.start_seconds) * scale), 1),
        )
        for one in segments
    )
    listed = ", ".join(map(str, segments))
    words = f"{'forged' if is_forged else 'stands out'}: {listed}" if segments else ""
    return Timeline(title, " ".join(f"{x},{y}" for x, y in dots), dots, spans, words, is_forged)
