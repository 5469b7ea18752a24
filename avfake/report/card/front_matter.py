"""What the Hub reads of a card: the YAML on its top."""

import re

from avfake.evaluation import Interval
from avfake.report.card.measured import Measured
from avfake.report.card.subject import Subject

PIPELINE = "video-classification"
TAGS = ("deepfake-detection", "audio-visual", "face-forgery", "voice-forgery", "anti-spoofing")
UNKNOWN = "unknown"
"""What the Hub calls a licence that is not stated."""
METRICS = {"auc": "AUC", "log_loss": "log-loss", "calibration_error": "calibration error"}
DECIDED = {
    ("genuine", "fake"): ("false_alarm_rate", "genuine clips called fake"),
    ("fake", "fake"): ("hit_rate", "fakes called fake"),
    ("genuine", "unsure"): ("unsure_rate_genuine", "genuine clips left unsure"),
    ("fake", "unsure"): ("unsure_rate_fake", "fakes left unsure"),
}


def front_matter(subject: Subject, measured: Measured | None, licence: str | None) -> str:
    """The YAML, with its rules above and below; the test metrics as a model-index."""
    from huggingface_hub import EvalResult, ModelCardData  # late: most runs never ask the Hub

    def result(kind: str, name: str, found: Interval) -> EvalResult:
        assert measured is not None
        return EvalResult(
            task_type=PIPELINE,
            task_name="Was the face or the voice forged?",
            dataset_type="avfake",
            dataset_name=_plain(measured.source),
            metric_type=kind,
            metric_value=round(found.value, 4),
            metric_name=f"{name} (95 % interval {found.low:.4f} to {found.high:.4f})",
        )

    results = []
    if measured is not None:
        results += [
            result(kind, name, share)
            for asked, (kind, name) in DECIDED.items()
            if (share := measured.decisions[asked][0]).value == share.value  # not NaN
        ]
        results += [
            result(metric, f"{name}, {output}", found)
            for output in subject.judged
            for metric, name in METRICS.items()
            if (found := measured.metric(output, metric)) is not None
        ]
    short, name = _licence(licence)
    card = ModelCardData(
        license=short,
        license_name=name,
        library_name="avfake",
        pipeline_tag=PIPELINE,
        tags=list(TAGS),
        model_name=subject.name if results else None,
        eval_results=results or None,
    )
    return f"---\n{card.to_yaml()}\n---"


def _licence(licence: str | None) -> tuple[str, str | None]:
    """(short name that the Hub knows, or "other"; then the name in a form that it takes)."""
    if licence is None:
        return UNKNOWN, None
    short = re.sub(r"[^a-z0-9.]+", "-", licence.lower()).strip("-")
    return (short, None) if short == licence.lower() else ("other", short)


def _plain(text: str) -> str:
    """On one line, and encodable."""
    return " ".join(text.encode("utf-8", errors="replace").decode("utf-8").split())
