"""The first paragraphs: what the detector can and cannot do, in numbers, false alarms first."""

from collections.abc import Mapping
from typing import Any

from avfake.calibration import Modality
from avfake.evaluation import Interval, as_text
from avfake.report.card.measured import Measured
from avfake.report.card.subject import Subject
from avfake.report.card.words import NOT_MEASURED, counted, percent

MODALITIES: Mapping[Modality, str] = {
    "whole": "picture and sound",
    "picture": "the picture alone",
    "sound": "the sound alone",
}


def summary(subject: Subject, measured: Measured | None) -> str:
    """What was measured on clips it has not seen; else out of fold; else that nothing was."""
    if measured is not None:
        numbers = _tested(measured)
    elif subject.held_out.get("decisions"):
        numbers = _out_of_fold(subject.held_out["decisions"])
    else:
        numbers = f"False alarms on genuine clips, fakes found, share left unsure: {NOT_MEASURED}."
    return f"{numbers}\n\n{_abilities(subject)}"


def _tested(measured: Measured) -> str:
    shares = {asked: share for asked, (share, _) in measured.decisions.items()}
    return (
        f"{_sentences(shares, measured.decisions['genuine', 'fake'][1], _num_fakes(measured))} "
        f"Measured on {counted(measured.num_clips, 'labelled clip')} of "
        f"{counted(measured.num_groups, 'group')}: {as_text(measured.source)}. Brackets are 95 % "
        "intervals over groups; on material of another kind the numbers do not hold."
    )


def _num_fakes(measured: Measured) -> int:
    return measured.decisions["fake", "fake"][1]


def _out_of_fold(decisions: Mapping[Modality, Any]) -> str:
    view, found = next(iter(decisions.items()))
    keys = {
        ("genuine", "fake"): "false_alarms",
        ("fake", "fake"): "found",
        ("genuine", "unsure"): "unsure_genuine",
        ("fake", "unsure"): "unsure_fake",
    }
    shares = {asked: Interval(**found[key]) for asked, key in keys.items()}
    return (
        f"{_sentences(shares, found['genuine'], found['fake'])} These are training clips, scored "
        f"by {MODALITIES[view]} and each by the model that had not seen it; on clips apart from "
        f"the training it was {NOT_MEASURED}. Brackets are 95 % intervals over groups; on material "
        "of another kind the numbers do not hold."
    )


def _sentences(shares: Mapping[tuple[str, str], Interval], genuine: int, fakes: int) -> str:
    alarms = (
        f"**Of {counted(genuine, 'genuine clip')} it calls {percent(shares['genuine', 'fake'])} "
        "fake**: its false alarms"
        if genuine
        else f"**False alarms: {NOT_MEASURED}**, for want of a genuine clip"
    )
    found = (
        f"Of {counted(fakes, 'fake')} it finds {percent(shares['fake', 'fake'])}"
        if fakes
        else f"Fakes found: {NOT_MEASURED}, for want of a fake"
    )
    unsure = " and ".join(
        f"{percent(shares[kind, 'unsure'])} of the {name}"
        for kind, name, count in (("genuine", "genuine clips", genuine), ("fake", "fakes", fakes))
        if count
    )
    return f"{alarms}. {found}. It answers *unsure* for {unsure}."


def _abilities(subject: Subject) -> str:
    if subject.decision_model is None:
        return (
            f"An ensemble of {subject.num_members} detectors, which answer together by the rule "
            f"{as_text(subject.rule)}. What each can judge stands in its own card, in the folders "
            "members/0, members/1, ..."
        )
    names = {"overall": "whether anything is forged", "face": "the face", "voice": "the voice"}
    lines = [f"It judges {', '.join(names[output] for output in subject.judged) or 'nothing'}."]
    lines += [
        f"It does not judge {names[output]}: {why}." for output, why in subject.not_judged.items()
    ]
    rule = subject.decision_model.rule()
    if rule is not None and rule.threshold >= 1:
        lines.append(
            f"It calls no clip with picture and sound fake: too few genuine ones were there to "
            f"promise a false-alarm rate of {100 * rule.false_alarm_rate:g} %."
        )
    return " ".join(lines)
