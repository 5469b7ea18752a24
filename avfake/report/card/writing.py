"""The whole card: a detector folder and its numbers into the template, the text into the folder."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from avfake.detector import CARD, FolderFacts, facts
from avfake.errors import ConfigError
from avfake.evaluation import Interval, markdown_table, render
from avfake.labels import MODALITIES, OUTPUTS, PARTS
from avfake.report.card import tables
from avfake.report.card.measured import METRICS, Measured, mark_of
from avfake.report.card.stress import stress_text
from avfake.scoring import StressTable
from avfake.storage import write_whole

TEMPLATE = Path(__file__).with_name("card.md.jinja")
PIPELINE = "video-classification"
TAGS = ("deepfake-detection", "audio-visual", "face-forgery", "voice-forgery", "anti-spoofing")
OUTPUT_NAMES = {"overall": "whether anything is forged", "face": "the face", "voice": "the voice"}
HUB_METRICS = {"auc": "AUC", "log_loss": "log-loss", "calibration_error": "calibration error"}
HUB_RATES = {
    "false_alarms": ("false_alarm_rate", "genuine clips called fake"),
    "found": ("hit_rate", "fakes called fake"),
    "unsure_genuine": ("unsure_rate_genuine", "genuine clips left unsure"),
    "unsure_fake": ("unsure_rate_fake", "fakes left unsure"),
}


def write_card(
    folder: Path,
    *,
    scores: Path | None = None,
    stress: Path | None = None,
    licence: str | None = None,
    measured_on: str | None = None,
    out_of_fold: bool = False,
    keep: bool = False,
) -> Path:
    """Write README.md into a detector's folder; the same inputs give the same bytes.

    Args:
        folder: bundle or ensemble
        scores: table of `avfake evaluate --out`, or test_scores.csv of a run
        stress: stress.csv of `avfake stress`
        licence: of the weights: a short name of the Hub, such as cc-by-4.0, or words
        measured_on: the clips of `scores`, in words
        out_of_fold: each score is by models that had not seen its clip, so that clips of the
            training may be among them
        keep: leave a card that holds the numbers of `scores`, or any where there are none: it may
            hold a stress table, too
    """
    plan = None if out_of_fold else folder.parent / "plan.csv"
    if not folder.is_dir():
        raise ConfigError(f"{folder} is no folder; a card is written into a detector's folder")
    target = folder / CARD
    if keep and target.is_file():
        wanted = mark_of(scores) if scores else ""
        if wanted in target.read_text(encoding="utf-8"):
            return target
    subject = FolderFacts.read(folder)
    measured = Measured.read(scores, plan=plan, source=measured_on) if scores else None
    write_whole(target, render_card(subject, measured, stress=stress, licence=licence))
    return target


def render_card(
    subject: FolderFacts, measured: Measured | None, *, stress: Path | None, licence: str | None
) -> str:
    """Return the text of the card."""
    from huggingface_hub import ModelCard  # late: it takes a second to import

    known = subject.config.facts if subject.config else facts.BundleFacts()
    not_trained = subject.decision_model.not_trained if subject.decision_model else {}
    outputs = [name for name in OUTPUTS if name not in not_trained]
    name = f"avfake detector {subject.fingerprint}"
    modality = next(iter(known.held_out.decisions), MODALITIES[0])
    card = ModelCard.from_template(
        _hub_data(name, outputs, measured, licence),
        template_str=TEMPLATE.read_text(encoding="utf-8"),
        name=name,
        subject=subject,
        facts=known,
        measured=measured,
        rates=measured.rates if measured else known.held_out.decisions.get(modality),
        rates_modality=tables.MODALITY_NAMES[modality],
        not_trained=not_trained,
        outputs_in_words=", ".join(OUTPUT_NAMES[one] for one in outputs) or "nothing",
        output_names=OUTPUT_NAMES,
        stress=stress_text(StressTable.read(stress)) if stress else None,
        licence=licence,
        tables=tables,
        text=tables.as_text,
        table=markdown_table,
        render=render,
        metrics=METRICS,
        counted=lambda count, noun: f"{count} {noun}" + "s" * (count != 1),
        listed=lambda names: ", ".join(map(tables.as_text, names)) or "none",
        bullets=lambda lines: "\n".join(f"- {line}" for line in lines),
        **_of_bundle(subject),
    )
    return re.sub(r"\n{3,}", "\n\n", str(card)).rstrip() + "\n"


def _of_bundle(subject: FolderFacts) -> dict[str, Any]:
    """Return what the template takes for the chapters that an ensemble has not."""
    if subject.decision_model is None or subject.config is None:
        return {}
    rules = subject.decision_model.rules.get("kept", {}).items()
    never_fake = {tables.MODALITY_NAMES[one]: rule for one, rule in rules if rule.threshold >= 1}
    forge = subject.config.facts.settings.get("augment", {}).get("forge", {})
    return {
        "model": subject.config.model,
        "spec": subject.config.input,
        "clip": subject.config.input.clip,
        "never_fake": never_fake,
        "forged_in_training": {
            part: forge[f"{part}_methods"] for part in PARTS if forge.get(f"{part}_rate", 0) > 0
        },
    }


def _hub_data(
    card_name: str, outputs: Sequence[str], measured: Measured | None, licence: str | None
) -> Any:
    """Return the card data that the Hub reads; the test metrics as a model-index."""
    from huggingface_hub import EvalResult, ModelCardData

    found: list[tuple[str, str, Interval]] = []
    if measured is not None:
        found += [(key, name, getattr(measured.rates, of)) for of, (key, name) in HUB_RATES.items()]
        found += [
            (metric, f"{name}, {output}", interval)
            for output in outputs
            for metric, name in HUB_METRICS.items()
            if (interval := measured.metric(output, metric)) is not None
        ]
    results = [
        EvalResult(
            task_type=PIPELINE,
            task_name="Was the face or the voice forged?",
            dataset_type="avfake",
            dataset_name=_plain(measured.source) if measured else "",
            metric_type=key,
            metric_value=round(one.value, 4),
            metric_name=f"{name} (95 % interval {one.low:.4f} to {one.high:.4f})",
        )
        for key, name, one in found
        if one.value == one.value  # not NaN
    ]
    short, name = _licence(licence)
    return ModelCardData(
        license=short,
        license_name=name,
        library_name="avfake",
        pipeline_tag=PIPELINE,
        tags=list(TAGS),
        model_name=card_name if results else None,
        eval_results=results or None,
    )


def _licence(licence: str | None) -> tuple[str, str | None]:
    """Return the short name of the Hub, or "other" and a name in the form that the Hub takes."""
    if licence is None:
        return "unknown", None
    short = re.sub(r"[^a-z0-9.]+", "-", licence.lower()).strip("-")
    return (short, None) if short == licence.lower() else ("other", short)


def _plain(text: str) -> str:
    """Return the text on one line, and encodable."""
    return " ".join(text.encode("utf-8", errors="replace").decode("utf-8").split())
