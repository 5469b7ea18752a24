"""Verdicts of several detectors on one file in, one verdict out."""

from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import replace
from typing import TypeVar

import numpy as np

from avfake.calibration import DecisionRule
from avfake.detector.ensemble.columns import combine_columns, combine_outputs
from avfake.detector.timeline import face_segments, voice_segments
from avfake.errors import ConfigError, Reason
from avfake.labels import COLUMNS, OUTPUTS
from avfake.verdict import Decision, OperatingPoint, Person, Verdict, VoiceScore, status_of

Timeline = TypeVar("Timeline")


def combine_verdicts(
    verdicts: Sequence[Verdict], rule: str, *, decision: DecisionRule | None = None, name: str = ""
) -> Verdict:
    """One verdict: each probability by `rule` over the members that have it, None where none has.

    decision: fitted on held-out answers of these members under this rule. Without it a file is
    called fake, or real, where every member that assessed it says so: each member's promise about
    false alarms then holds for the ensemble, which a majority could break up to twice over.
    Faces and windows of sound are combined over members that looked at the same ones; those of
    the largest such party are shown.
    """
    if not verdicts:
        raise ConfigError("an ensemble needs at least one verdict to combine")
    answered = [verdict for verdict in verdicts if verdict.p_fake is not None]
    votes = [verdict.decision for verdict in answered]
    p_fake, p_face, p_voice = _probabilities(verdicts, rule)
    reasons = _merge_reasons([verdict.reasons for verdict in verdicts])
    voice = _combine_voices([v.voice for v in verdicts if v.voice], rule)
    return Verdict(
        file=verdicts[0].file,
        decision=decision.decide(p_fake) if decision else agree(votes),
        p_fake=p_fake,
        p_face_fake=p_face,
        p_voice_fake=p_voice,
        status=status_of(p_fake, reasons),
        reasons=reasons,
        persons=_combine_persons([v.persons for v in verdicts if v.persons], rule),
        voice=voice,
        operating_point=operating_point_of(decision),
        detector=name or " + ".join(verdict.detector for verdict in verdicts),
        voice_segments=voice_segments(voice),
        prior=_same([verdict.prior for verdict in answered]),
        trained_prior=_same([verdict.trained_prior for verdict in answered]),
    )


def operating_point_of(rule: DecisionRule | None) -> OperatingPoint | None:
    """What a verdict says of the rule that decided it."""
    if rule is None:
        return None
    return OperatingPoint(rule.threshold, rule.false_alarm_rate, rule.band.confidence)


def agree(decisions: Iterable[Decision]) -> Decision:
    """The one decision that all are, or "unsure"."""
    found = set(decisions)
    return found.pop() if len(found) == 1 else "unsure"


def _same(priors: Iterable[float | None]) -> float | None:
    """The one prior that all have, or None."""
    found = set(priors)
    return found.pop() if len(found) == 1 else None


def _probabilities(verdicts: Sequence[Verdict], rule: str) -> list[float | None]:
    """overall, face, voice."""
    answers = {
        output: np.array([[getattr(verdict, name) for verdict in verdicts]], np.float64)
        for output, (name, _) in COLUMNS.items()
    }
    combined = combine_outputs(answers, rule)
    return [None if np.isnan(p := combined[name][0]) else float(p) for name in OUTPUTS]


def _merge_reasons(reasons: Sequence[Sequence[Reason]]) -> tuple[Reason, ...]:
    """Each (part, code) once, in the order met; one that not all members have says so."""
    having: dict[tuple[str, str], list[Reason]] = {}
    for of_member in reasons:
        once = {(reason.part, reason.code): reason for reason in of_member}
        for key, reason in once.items():
            having.setdefault(key, []).append(reason)
    merged = []
    for same in having.values():
        details = list(dict.fromkeys(reason.detail for reason in same if reason.detail))
        if len(same) < len(reasons):
            details.append(f"{len(same)} of {len(reasons)} detectors")
        merged.append(replace(same[0], detail="; ".join(details)))
    return tuple(merged)


def _largest_group(
    timelines: Sequence[Timeline], looked_at: Callable[[Timeline], Hashable]
) -> list[Timeline]:
    """Those that looked at the same things as most others; the first such party on a tie."""
    parties: dict[Hashable, list[Timeline]] = {}
    for timeline in timelines:
        parties.setdefault(looked_at(timeline), []).append(timeline)
    return max(parties.values(), key=len, default=[])


def _combine_persons(tracks: Sequence[tuple[Person, ...]], rule: str) -> tuple[Person, ...]:
    def looked_at(persons: tuple[Person, ...]) -> Hashable:
        return tuple(
            (p.person_id, *((face.seconds, face.box) for face in p.frames)) for p in persons
        )

    party = _largest_group(tracks, looked_at)
    combined = []
    for same in zip(*party, strict=True):  # one person, as each member sees it
        scores = np.array([[face.p_fake for face in person.frames] for person in same]).T
        p_fakes = combine_columns(scores, rule)
        faces = zip(same[0].frames, p_fakes, strict=True)
        frames = tuple(replace(face, p_fake=float(p)) for face, p in faces)
        combined.append(
            replace(
                same[0],
                p_face_fake=float(np.mean(p_fakes)),
                frames=frames,
                # Of members whose face head was not trained the scores are noise.
                segments=face_segments(frames) if any(one.segments for one in same) else (),
            )
        )
    return tuple(combined)


def _combine_voices(voices: Sequence[tuple[VoiceScore, ...]], rule: str) -> tuple[VoiceScore, ...]:
    party = _largest_group(
        voices, lambda voice: tuple((one.start_seconds, one.end_seconds) for one in voice)
    )
    if not party:
        return ()
    p_fakes = combine_columns(np.array([[one.p_fake for one in v] for v in party]).T, rule)
    windows = zip(party[0], p_fakes, strict=True)
    return tuple(replace(window, p_fake=float(p)) for window, p in windows)
