"""What a probability and a decision of a detector are worth, and where they are worth nothing."""

from collections.abc import Iterator, Mapping
from typing import Any

from avfake.calibration import (
    Calibrator,
    DecisionRule,
    Modality,
    OutputModel,
)
from avfake.evaluation import as_text, markdown_table
from avfake.report.card.measured import Measured
from avfake.report.card.subject import Subject
from avfake.report.card.summary import MODALITIES
from avfake.report.card.words import NOT_MEASURED, bullets, counted, interval, listed, percent


def calibration_section(subject: Subject) -> str:
    """Calibrators with what they reach out of fold; rules with promise and measure."""
    assert subject.decision_model is not None
    parts = [
        "## Calibration and decision\n\nOut of fold: each training clip is judged by models, "
        "calibrators and rules that had not seen it.",
        _outputs(subject),
        bullets(
            f"{name}: {as_text(model.choice.reason)}"
            for name, model in subject.decision_model.outputs.items()
        ),
        "*fake* needs a probability above the threshold, and a conformal set of *fake* alone; "
        "*real* needs a set of *real* alone; otherwise the answer is *unsure*.",
        _rules(subject),
    ]
    return "\n\n".join(part for part in parts if part)


def _outputs(subject: Subject) -> str:
    assert subject.decision_model is not None
    held_out: Mapping[str, Any] = subject.held_out.get("outputs", {})
    lines = [
        ["output", "answers", "calibrated by", "AUC", "log-loss", "calibration error", "fakes"]
    ]
    for name, model in subject.decision_model.outputs.items():
        found, kept = held_out.get(name), model.choice.kept
        metrics = [
            interval(found[metric]) if found else NOT_MEASURED
            for metric in ("auc", "log_loss", "calibration_error")
        ]
        share = f"{100 * found['fake_share']:.1f} %" if found else NOT_MEASURED
        lines.append([name, kept, _calibrated_by(model), *metrics, share])
    return markdown_table(lines) if lines[1:] else "No output was trained."


def _calibrated_by(model: OutputModel) -> str:
    """In words; with the views where those of whole clips, of picture and of sound differ."""
    views: dict[str, list[str]] = {}
    for view, words in MODALITIES.items():
        calibrator = model.calibrators.get(model.choice.kept, {}).get(view)
        if calibrator is not None:
            views.setdefault(_in_words(calibrator), []).append(words)
    if len(views) < 2:
        return next(iter(views), "none")
    return "; ".join(f"{words} ({', '.join(of)})" for words, of in views.items())


def _in_words(calibrator: Calibrator) -> str:
    kind = calibrator.curve.kind
    return f"{kind}, kept {calibrator.epsilon:.4f} from 0 and 1" if calibrator.epsilon else kind


def _rules(subject: Subject) -> str:
    assert subject.decision_model is not None
    decisions: Mapping[str, Any] = subject.held_out.get("decisions", {})
    lines = [
        ["judged by", "threshold", "*real* up to", "*fake* from"]
        + ["false alarms: asked, measured", "genuine covered: asked, measured"]
        + ["fakes covered: asked, measured"]
    ]
    for view, words in MODALITIES.items():
        rule = _rule_of(subject, view)
        if rule is not None:
            lines.append([words, *_bounds(rule), *_promises(rule, decisions.get(view))])
    return markdown_table(lines) if lines[1:] else ""


def _rule_of(subject: Subject, view: Modality) -> DecisionRule | None:
    assert subject.decision_model is not None
    return subject.decision_model.rule(modality=view)


def _bounds(rule: DecisionRule) -> list[str]:
    ends = (rule.band.real_below, rule.band.fake_above)
    return [f"{rule.threshold:.3f}", *("any" if end is None else f"{end:.3f}" for end in ends)]


def _promises(rule: DecisionRule, found: Mapping[str, Any] | None) -> list[str]:
    asked = [rule.false_alarm_rate, rule.band.confidence, rule.band.confidence]
    keys = ("false_alarms", "real_covered", "fake_covered")
    measured = [percent(found[key]) if found else NOT_MEASURED for key in keys]
    return [f"{100 * one:g} %, {share}" for one, share in zip(asked, measured, strict=True)]


def limits_section(subject: Subject, measured: Measured | None, *, is_stressed: bool) -> str:
    """What the facts say that this detector cannot do, and what nobody has measured."""
    lines = [*_untrained(subject), *_of_the_data(subject), *_of_the_road(subject)]
    lines += _unmeasured(measured, is_stressed=is_stressed)
    return f"## Limits\n\n{bullets(lines)}"


def _untrained(subject: Subject) -> Iterator[str]:
    for output, why in subject.not_judged.items():
        yield f"No answer on {output}: {why}."
    assert subject.decision_model is not None
    if subject.decision_model.prior is not None:
        yield (
            f"Probabilities reckon with {100 * subject.decision_model.prior:.0f} % fakes, as among "
            "the clips they were calibrated on; where fakes are rarer they are too high "
            "(`--prior 0.01` tells it so)."
        )
    mute = [
        words
        for view, words in MODALITIES.items()
        if (rule := _rule_of(subject, view)) is not None and rule.threshold >= 1
    ]
    if mute:
        yield (
            f"Judged by {' or '.join(mute)}, nothing is ever called fake: too few genuine clips "
            "were there to promise a false-alarm rate."
        )


def _of_the_data(subject: Subject) -> Iterator[str]:
    facts = subject.facts
    for part, counts in facts.get("labels", {}).items():
        if counts["assumed"]:
            yield (
                f"Of {counted(counts['assumed'], 'fake')} it is only assumed that the {part} is "
                "forged; some of these labels are wrong."
            )
        if counts["unknown"]:
            yield f"Of {counted(counts['unknown'], 'clip')} nothing is known about the {part}."
    methods = [name for name in facts.get("methods", {}) if name]
    if methods:
        yield f"Forgeries it learned from: {listed(methods)}. Others may pass unseen."
    else:
        yield "By which methods the fakes it learned from were forged is not stated."
    yield from _forged_in_training(facts.get("settings", {}))
    for folder, only in facts.get("one_class_folders", {}).items():
        yield (
            f"From {as_text(folder)} it learned {only} clips only: what marks that dataset (its "
            "codec, its rooms) may count for what marks a forgery."
        )
    yield (
        "Language, age, skin colour, cameras and microphones of the people in the training data: "
        f"not recorded. Whether some fare worse is {NOT_MEASURED}."
    )


def _forged_in_training(settings: Mapping[str, Any]) -> Iterator[str]:
    forge = settings.get("augment", {}).get("forge", {})
    for part in ("face", "voice"):
        if forge.get(f"{part}_rate", 0) > 0:
            yield (
                f"{part.capitalize()}s forged while it trained, of genuine ones: "
                f"{listed(forge[f'{part}_methods'])}."
            )


def _of_the_road(subject: Subject) -> Iterator[str]:
    shown, model = subject.config["input"], subject.config["model"]
    clips = shown["clip"]
    if model.get("visual"):
        if clips.get("detector", "mtcnn") == "mtcnn":
            detect = clips["detect"]
            yield (
                f"Faces smaller than {detect['min_face_px']} px, or than "
                f"{100 * detect['min_face_share']:g} % of the picture's larger side, are not found."
            )
        yield f"{clips['num_frames']} frames of a file are looked at, evenly spread."
        if sides := subject.held_out.get("face_px"):
            yield (
                f"Faces it was calibrated on: {sides['median']:g} px wide in the middle, "
                f"{sides['least']:g} px at least; of smaller ones nothing was learned."
            )
    if model.get("audio"):
        yield (
            f"Only speech is judged, at least {clips['speech']['min_seconds']:g} s of it, in "
            f"windows of {shown['window_seconds']:g} s at {clips['sample_rate']} Hz. "
            f"Of more than {clips['max_speech_seconds'] / 60:g} minutes of speech, or "
            f"{clips['max_sound_seconds'] / 60:g} minutes of sound, pieces spread evenly are "
            "looked at."
        )


def _unmeasured(measured: Measured | None, *, is_stressed: bool) -> Iterator[str]:
    if measured is None:
        yield f"Test clips: {NOT_MEASURED}."
    elif measured.by_method.empty:
        yield f"By method of forging: {NOT_MEASURED}, since the table names none."
    if not is_stressed:
        yield f"Coding, scale, noise and other damage to files: {NOT_MEASURED}."
    yield (
        "Other datasets, people who try to deceive this very detector, and forgeries of later "
        f"years: {NOT_MEASURED} here."
    )
