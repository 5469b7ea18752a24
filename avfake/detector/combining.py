"""Answers of several members become one: columns of scores, and whole verdicts.

Every probability is combined over the members that have it; where none has one, there is none.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import TypeVar

import numpy as np

from avfake.calibration import RULES, DecisionRule, raise_overall
from avfake.detector.doubts import allowed
from avfake.detector.timeline import face_segments, voice_segments
from avfake.errors import ConfigError, Reason, check_choice
from avfake.labels import COLUMNS, OUTPUTS, Decision
from avfake.verdict import FaceScore, Person, Spent, Verdict, VoiceScore, status_of

RANK_MEAN = "rank_mean"
"""Mean over the members of a file's rank among the files. It needs all files at once, orders them,
and is no probability."""


def combine_columns(scores: np.ndarray, rule: str) -> np.ndarray:
    """Return float64 [N] for scores [N, M]; NaN = no score, also in the result where all are NaN.

    rule: one of `calibration.RULES`, or "rank_mean". The order of the members does not matter.
    """
    check_choice("the rule", rule, (*RULES, RANK_MEAN))
    scores = np.asarray(scores, np.float64)
    if rule == RANK_MEAN:
        scores, rule = _ranks(scores), "mean"
    # Sorted, so that not even the last bit depends on the order of the members.
    return np.array([RULES[rule](np.sort(row[~np.isnan(row)])) for row in scores], np.float64)


def combine_outputs(answers: Mapping[str, np.ndarray], rule: str) -> dict[str, np.ndarray]:
    """Return output -> float64 [N] for output -> [N, M], "overall" never below its parts.

    Ranks are left as they are: that of a face and that of an overall score do not compare.
    """
    combined: dict[str, np.ndarray] = {
        output: combine_columns(answers[output], rule) for output in OUTPUTS
    }
    return combined if rule == RANK_MEAN else raise_overall(combined)


def _ranks(scores: np.ndarray) -> np.ndarray:
    """Return float64 [N, M]: (rank - 0.5) / number of files that the member scored.

    Ties share a rank.
    """
    from scipy.stats import rankdata

    num_scored = np.sum(~np.isnan(scores), axis=0)
    ranks = rankdata(scores, axis=0, nan_policy="omit") if len(scores) else scores
    return np.where(np.isnan(scores), np.nan, (ranks - 0.5) / np.maximum(num_scored, 1))


Timeline = TypeVar("Timeline")
Value = TypeVar("Value")
Item = TypeVar("Item", FaceScore, VoiceScore)


def combine_verdicts(
    verdicts: Sequence[Verdict], rule: str, *, decision: DecisionRule | None = None, name: str = ""
) -> Verdict:
    """Return one verdict: each probability by `rule` over the members that have it.

    decision: fitted on held-out answers of these members under this rule. Without it a file is
    called fake, or real, only where every member that assessed it decides so: then the false alarm
    rate of each member also bounds that of the ensemble, while a majority vote could double it.
    Faces and windows of sound are combined over members that scored the same ones; those of the
    largest such group are shown.
    """
    if not verdicts:
        raise ConfigError("an ensemble needs at least one verdict to combine")
    answered = [verdict for verdict in verdicts if verdict.p_fake is not None]
    votes = [verdict.decision for verdict in answered]
    p_fake, p_face, p_voice = _probabilities(verdicts, rule)
    reasons = _merge_reasons([verdict.reasons for verdict in verdicts])
    decided = decision.decide(p_fake) if decision else common(votes, "unsure")
    voice = _combine_voices([v.voice for v in verdicts if v.voice], rule)
    return Verdict(
        file=verdicts[0].file,
        decision=allowed(decided, reasons),
        p_fake=p_fake,
        p_face_fake=p_face,
        p_voice_fake=p_voice,
        status=status_of(p_fake, reasons),
        reasons=reasons,
        persons=_combine_persons([v.persons for v in verdicts if v.persons], rule),
        voice=voice,
        operating_point=decision.operating_point if decision else None,
        detector=name or " + ".join(verdict.detector for verdict in verdicts),
        voice_segments=voice_segments(voice),
        prior=common([verdict.prior for verdict in answered], None),
        trained_prior=common([verdict.trained_prior for verdict in answered], None),
        spent=Spent(*(max(getattr(v.spent, f.name) for v in verdicts) for f in fields(Spent))),
        face_decision=_common_decision([verdict.face_decision for verdict in answered]),
        voice_decision=_common_decision([verdict.voice_decision for verdict in answered]),
    )


def common(values: Iterable[Value], otherwise: Value) -> Value:
    """Return the value that all have in common, or `otherwise`."""
    found = set(values)
    return found.pop() if len(found) == 1 else otherwise


def _common_decision(found: Sequence[Decision | None]) -> Decision | None:
    """Return the decision on a part that all members share that assessed it, or "unsure"."""
    known = [one for one in found if one is not None]
    return common(known, "unsure") if known else None


def _probabilities(verdicts: Sequence[Verdict], rule: str) -> list[float | None]:
    """Return the combined probabilities in the order of `OUTPUTS`."""
    answers = {
        output: np.array([[getattr(verdict, name) for verdict in verdicts]], np.float64)
        for output, (name, _) in COLUMNS.items()
    }
    combined = combine_outputs(answers, rule)
    return [None if np.isnan(p := combined[name][0]) else float(p) for name in OUTPUTS]


def _merge_reasons(reasons: Sequence[Sequence[Reason]]) -> tuple[Reason, ...]:
    """Return each (part, code) once, in the order met, with the number of members that have it."""
    having: dict[tuple[str, str], list[Reason]] = {}
    for of_member in reasons:
        for key, reason in {(one.part, one.code): one for one in of_member}.items():
            having.setdefault(key, []).append(reason)
    merged = []
    for same in having.values():
        details = list(dict.fromkeys(reason.detail for reason in same if reason.detail))
        if len(same) < len(reasons):
            details.append(f"{len(same)} of {len(reasons)} detectors")
        merged.append(replace(same[0], detail="; ".join(details)))
    return tuple(merged)


def _largest_group(
    timelines: Sequence[Timeline], scored_items: Callable[[Timeline], Hashable]
) -> list[Timeline]:
    """Return the largest group of timelines that score the same items; the first on a tie."""
    groups: dict[Hashable, list[Timeline]] = {}
    for timeline in timelines:
        groups.setdefault(scored_items(timeline), []).append(timeline)
    return max(groups.values(), key=len, default=[])


def _combine_persons(tracks: Sequence[tuple[Person, ...]], rule: str) -> tuple[Person, ...]:
    def scored_faces(persons: tuple[Person, ...]) -> Hashable:
        return tuple(
            (p.person_id, *((face.seconds, face.box) for face in p.frames)) for p in persons
        )

    combined = []
    for same in zip(*_largest_group(tracks, scored_faces), strict=True):  # as each member scores
        frames = _combine_scores([person.frames for person in same], rule)
        # Of members whose face head was not trained the scores are noise.
        segments = face_segments(frames) if any(one.segments for one in same) else ()
        p_face_fake = float(np.mean([face.p_fake for face in frames]))
        combined.append(replace(same[0], p_face_fake=p_face_fake, frames=frames, segments=segments))
    return tuple(combined)


def _combine_voices(voices: Sequence[tuple[VoiceScore, ...]], rule: str) -> tuple[VoiceScore, ...]:
    group = _largest_group(
        voices, lambda voice: tuple((one.start_seconds, one.end_seconds) for one in voice)
    )
    return _combine_scores(group, rule) if group else ()


def _combine_scores(same: Sequence[tuple[Item, ...]], rule: str) -> tuple[Item, ...]:
    """Return the items of the first member, with the scores of all combined."""
    p_fakes = combine_columns(np.array([[one.p_fake for one in items] for items in same]).T, rule)
    return tuple(replace(one, p_fake=float(p)) for one, p in zip(same[0], p_fakes, strict=True))
