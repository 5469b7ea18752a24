"""The whole card: subject and numbers into the template, and the text into the folder."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from avfake import config as settings
from avfake.calibration import DecisionModel
from avfake.clips import InputSpec
from avfake.detector import CARD, facts, read_folder
from avfake.errors import ConfigError
from avfake.evaluation import Interval, as_text, markdown_table
from avfake.labels import OUTPUTS, Output
from avfake.models import ModelConfig
from avfake.report.card import tables
from avfake.report.card.measured import Measured, mark_of
from avfake.report.card.stress import StressText
from avfake.scoring import read_stress
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


@dataclass(frozen=True)
class Subject:
    """A detector folder, its weights unread: a bundle, or an ensemble of bundles."""

    fingerprint: str
    """Hash of its content: the 12 digits in the detector's name."""
    num_members: int
    config: Mapping[str, Any] | None = None
    """config.yaml of a bundle; None for an ensemble, whose members have cards of their own."""
    decision_model: DecisionModel | None = None
    """None for an ensemble."""
    rule: str = ""
    """How an ensemble combines the answers of its members."""

    @classmethod
    def read(cls, folder: Path) -> "Subject":
        """Read a folder; ConfigError if there is none, BundleError if it is damaged."""
        if not folder.is_dir():
            raise ConfigError(f"{folder} is no folder; a card is written into a detector's folder")
        found = read_folder(folder)
        return cls(
            found.fingerprint, found.num_members, found.config, found.decision_model, found.rule
        )

    @property
    def name(self) -> str:
        return f"avfake detector {self.fingerprint}"

    @property
    def version(self) -> str:
        """Version of avfake that wrote the bundle."""
        return str(self.config["avfake"]) if self.config else ""

    @cached_property
    def facts(self) -> facts.BundleFacts:
        return settings.from_dict(facts.BundleFacts, self.config["facts"] if self.config else {})

    @property
    def not_trained(self) -> Mapping[Output, str]:
        """Output -> why it is never assessed."""
        return self.decision_model.not_trained if self.decision_model else {}

    @property
    def outputs(self) -> tuple[str, ...]:
        """The outputs that are assessed."""
        return tuple(name for name in OUTPUTS if name not in self.not_trained)


def write_card(
    folder: Path,
    *,
    scores: Path | None = None,
    stress: Path | None = None,
    licence: str | None = None,
    measured_on: str | None = None,
    out_of_fold: bool = False,
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
    """
    plan = None if out_of_fold else folder.parent / "plan.csv"
    subject = Subject.read(folder)
    measured = Measured.read(scores, plan=plan, source=measured_on) if scores else None
    target = folder / CARD
    write_whole(target, render_card(subject, measured, stress=stress, licence=licence))
    return target


def has_card_of(folder: Path, scores: Path) -> bool:
    """Return whether the folder's card holds the numbers of this very table."""
    card = folder / CARD
    return card.is_file() and mark_of(scores) in card.read_text(encoding="utf-8")


def render_card(
    subject: Subject, measured: Measured | None, *, stress: Path | None, licence: str | None
) -> str:
    """Return the text of the card."""
    from huggingface_hub import ModelCard  # late: it takes a second to import

    held_out = next(iter(subject.facts.held_out.decisions.items()), None)
    modality, rates = held_out or ("whole", None)
    card = ModelCard.from_template(
        _hub_data(subject, measured, licence),
        template_str=TEMPLATE.read_text(encoding="utf-8"),
        subject=subject,
        measured=measured,
        rates=measured.rates if measured else rates,
        rates_modality=tables.MODALITY_NAMES[modality],
        metric_rows=tables.metric_rows(measured) if measured else None,
        decision_rows=tables.decision_rows(measured) if measured else None,
        method_rows=tables.method_rows(measured) if measured else None,
        stress=StressText.of(read_stress(stress)) if stress else None,
        licence=licence,
        text=as_text,
        table=markdown_table,
        percent=tables.percent,
        counted=lambda count, noun: f"{count} {noun}" + "s" * (count != 1),
        listed=lambda names: ", ".join(map(as_text, names)) or "none",
        bullets=lambda lines: "\n".join(f"- {line}" for line in lines),
        **_of_bundle(subject),
    )
    return re.sub(r"\n{3,}", "\n\n", str(card)).rstrip() + "\n"


def _of_bundle(subject: Subject) -> dict[str, Any]:
    """Return what the template takes for the chapters that an ensemble has not."""
    if subject.config is None or subject.decision_model is None:
        return {}
    spec = settings.from_dict(InputSpec, subject.config["input"])
    decision_model, known = subject.decision_model, subject.facts
    whole = decision_model.rule()
    forge = known.settings.get("augment", {}).get("forge", {})
    return {
        "model": settings.from_dict(ModelConfig, subject.config["model"]),
        "spec": spec,
        "clip": spec.clip,
        "facts": known,
        "decision_model": decision_model,
        "outputs_in_words": ", ".join(OUTPUT_NAMES[one] for one in subject.outputs) or "nothing",
        "output_names": OUTPUT_NAMES,
        "never_fake": whole if whole is not None and whole.threshold >= 1 else None,
        "never_fake_modalities": [
            name for name, rule in tables.rules_of(decision_model) if rule.threshold >= 1
        ],
        "forged_in_training": {
            part: forge[f"{part}_methods"]
            for part in ("face", "voice")
            if forge.get(f"{part}_rate", 0) > 0
        },
        "packages": ", ".join(f"{name} {n}" for name, n in known.environment.packages.items()),
        "output_rows": tables.output_rows(decision_model, known.held_out),
        "rule_rows": tables.rule_rows(decision_model, known.held_out),
        "dataset_rows": tables.dataset_rows(known),
        "split_rows": tables.split_rows(known),
        "label_rows": tables.label_rows(known),
        "trained_method_rows": tables.trained_method_rows(known),
    }


def _hub_data(subject: Subject, measured: Measured | None, licence: str | None) -> Any:
    """Return the card data that the Hub reads; the test metrics as a model-index."""
    from huggingface_hub import EvalResult, ModelCardData

    found: list[tuple[str, str, Interval]] = []
    if measured is not None:
        found += [(key, name, getattr(measured.rates, of)) for of, (key, name) in HUB_RATES.items()]
        found += [
            (metric, f"{name}, {output}", interval)
            for output in subject.outputs
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
        model_name=subject.name if results else None,
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
