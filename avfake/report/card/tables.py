"""The tables of a card as rows of text, the first of which is the header."""

import re
from collections.abc import Mapping

import pandas as pd

from avfake.calibration import DecisionModel
from avfake.detector import facts
from avfake.evaluation import Interval, ablation_table
from avfake.labels import Modality
from avfake.report.card.measured import Measured

Rows = list[list[str]]
NOT_MEASURED = "not measured"
MODALITY_NAMES: dict[Modality, str] = {
    "whole": "picture and sound",
    "picture": "the picture alone",
    "sound": "the sound alone",
}
METHOD = "method: "
# An underscore between letters emphasises nothing.
_MARKS = re.compile(r"([\\`*\[\]<>|~&$:]|(?<![^\W_])_|_(?![^\W_]))")


def as_text(name: object) -> str:
    """Return a name that Markdown and HTML show as it is, on one line, whatever it holds.

    Names of files and methods are other people's; bytes that are no text become "?".
    """
    shown = str(name).encode("utf-8", errors="replace").decode("utf-8")
    printable = "".join(one if one.isprintable() else " " for one in shown)
    return _MARKS.sub(r"\\\1", " ".join(printable.split()))


def percent(one: Interval) -> str:
    """Return a share with its interval: "3.7 % [1.2, 8.0]"."""
    if pd.isna(one.value):
        return NOT_MEASURED
    return f"{100 * one.value:.1f} % [{100 * one.low:.1f}, {100 * one.high:.1f}]"


def decision_rows(measured: Measured) -> Rows:
    lines = [["kind", "clips", "called fake", "called real", "unsure"]]
    for kind in dict.fromkeys(kind for kind, _ in measured.decisions):
        if not kind.startswith(METHOD):
            title = "all fakes" if kind == "fake" else kind
            lines.append([title, *_decided(measured, kind, "fake", "real", "unsure")])
    return lines


def method_rows(measured: Measured) -> Rows:
    """Return the rows by method of forging; none where the table names no method."""
    scores = measured.scores
    if "method" not in scores or scores["method"].isna().all():
        return []
    table = ablation_table([("", scores)], metrics=["auc"], methods_of="overall")
    lines = [["method", "fakes", "AUC against genuine clips", "called fake", "unsure"]]
    for _, row in table.iterrows():
        method = str(row["kind"])
        kind = "fake" if method == "all" else METHOD + method
        count, *shares = _decided(measured, kind, "fake", "unsure")
        lines.append([as_text(method), count, str(Interval.of(row)), *shares])
    return lines


def output_rows(model: DecisionModel, held_out: facts.HeldOut) -> Rows:
    """Return how each output is computed and calibrated, and its quality out of fold."""
    lines = [
        ["output", "answers", "calibrated by", "AUC", "log-loss", "calibration error", "fakes"]
    ]
    for name, output in model.outputs.items():
        found = held_out.outputs.get(name)
        quality = [NOT_MEASURED] * 4
        if found is not None:
            intervals = (found.auc, found.log_loss, found.calibration_error)
            quality = [*map(str, intervals), f"{100 * found.fake_share:.1f} %"]
        kept = output.choice.kept
        lines.append([name, kept, _calibrated_by(output.calibrators.get(kept, {})), *quality])
    return lines


def rule_rows(model: DecisionModel, held_out: facts.HeldOut) -> Rows:
    """Return the decision rule of each modality: what it promises and what was measured."""
    lines = [
        ["assessed by", "threshold", "*real* up to", "*fake* from"]
        + ["false alarms: asked, measured", "genuine covered: asked, measured"]
        + ["fakes covered: asked, measured"]
    ]
    for modality, rule in model.rules["kept"].items():
        found = held_out.decisions.get(modality)
        ends = (rule.band.real_below, rule.band.fake_above)
        asked = [rule.false_alarm_rate, rule.band.confidence, rule.band.confidence]
        measured = [NOT_MEASURED] * 3
        if found is not None:
            shares = (found.false_alarms, found.real_covered, found.fake_covered)
            measured = [percent(one) for one in shares]
        bounds = ["any" if end is None else f"{end:.3f}" for end in ends]
        lines.append(
            [MODALITY_NAMES[modality], f"{rule.threshold:.3f}", *bounds]
            + [f"{100 * one:g} %, {share}" for one, share in zip(asked, measured, strict=True)]
        )
    return lines


def dataset_rows(known: facts.BundleFacts) -> Rows:
    return [["dataset", "licence of the data"]] + [
        [as_text(name or "not stated"), as_text(known.licences.get(name) or "not stated")]
        for name in known.datasets
    ]


def split_rows(known: facts.BundleFacts) -> Rows:
    lines = [["split", "genuine", "fake", "groups", "fakes by what is forged"]]
    for name, split in known.splits.items():
        kinds = [f"{kind} {n}" for kind, n in split.kinds.items() if kind != "genuine"]
        counts = [str(n) for n in (split.genuine, split.fake, split.groups)]
        lines.append([as_text(name), *counts, ", ".join(kinds) or "-"])
    return lines


def label_rows(known: facts.BundleFacts) -> Rows:
    lines = [["labels of the training clips", "genuine", "fake", "assumed fake", "unknown"]]
    for part, of in known.labels.items():
        lines.append([part, *map(str, (of.genuine, of.fake, of.assumed, of.unknown))])
    return lines


def trained_method_rows(known: facts.BundleFacts) -> Rows:
    lines = [["method of the fakes trained on", "clips"]]
    return lines + [[as_text(name or "not stated"), str(n)] for name, n in known.methods.items()]


def _decided(measured: Measured, kind: str, *decisions: str) -> list[str]:
    """Return the number of clips of a kind, and the share of each decision."""
    _, clips = measured.decisions[kind, "fake"]
    return [str(clips), *(percent(measured.decisions[kind, one][0]) for one in decisions)]


def _calibrated_by(calibrators: Mapping[Modality, object]) -> str:
    """Return the calibrators in words; with the modalities where those differ."""
    modalities: dict[str, list[str]] = {}
    for modality, words in MODALITY_NAMES.items():
        if modality in calibrators:
            modalities.setdefault(str(calibrators[modality]), []).append(words)
    if len(modalities) < 2:
        return next(iter(modalities), "none")
    return "; ".join(f"{words} ({', '.join(of)})" for words, of in modalities.items())
