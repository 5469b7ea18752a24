"""Scores over time as rows of places in a drawing, for the page to draw."""

from dataclasses import dataclass

from avfake.verdict import Person, Segment, Verdict

WIDTH, HEIGHT = 600.0, 64.0
"""Of a drawing, in its own units."""


@dataclass(frozen=True)
class Timeline:
    """One row: a person's face, or the voice."""

    title: str
    points: str
    """Of an SVG polyline; each score at its time."""
    dots: tuple[tuple[float, float], ...]
    stretches: tuple[tuple[float, float], ...]
    """Left edge and width of each forged stretch."""
    words: str
    """The forged stretches in words."""


def timelines(verdict: Verdict) -> tuple[list[Timeline], float]:
    """A row for each person and one for the voice, and the seconds they span."""
    moments = [face.seconds for person in verdict.persons for face in person.frames]
    seconds = max([*moments, *(window.end_seconds for window in verdict.voice)], default=0.0)
    rows = [_of_person(person, seconds) for person in verdict.persons]
    if verdict.voice:
        middles = [((one.start_seconds + one.end_seconds) / 2, one.p_fake) for one in verdict.voice]
        rows.append(_timeline("Voice", middles, verdict.voice_segments, seconds))
    return rows, seconds


def _of_person(person: Person, seconds: float) -> Timeline:
    title = f"Face of person {person.person_id}, mean score {person.p_face_fake:.0%}"
    scores = [(face.seconds, face.p_fake) for face in person.frames]
    return _timeline(title, scores, person.segments, seconds)


def _timeline(
    title: str,
    scores: list[tuple[float, float]],
    segments: tuple[Segment, ...],
    seconds: float,
) -> Timeline:
    scale = WIDTH / max(seconds, 1e-6)
    dots = tuple((round(at * scale, 1), round(HEIGHT * (1 - p), 1)) for at, p in scores)
    return Timeline(
        title,
        " ".join(f"{x},{y}" for x, y in dots),
        dots,
        tuple(
            (
                round(one.start_seconds * scale, 1),
                round(max(2.0, (one.end_seconds - one.start_seconds) * scale), 1),
            )
            for one in segments
        ),
        ", ".join(map(str, segments)),
    )
