"""Where a detector comes from: data, licences, training."""

from collections.abc import Mapping
from typing import Any

from avfake.evaluation import as_text, markdown_table
from avfake.report.card.subject import Subject
from avfake.report.card.words import NOT_STATED, bullets, counted, listed

ROWS = ("genuine", "fake", "assumed", "unknown")


def data_section(subject: Subject) -> str:
    """Datasets with their licences, splits, what was known of each part, methods."""
    facts = subject.facts
    licences: Mapping[str, str | None] = facts.get("licences", {})
    datasets = [["dataset", "licence of the data"]] + [
        [as_text(name or NOT_STATED), as_text(licences.get(name) or NOT_STATED)]
        for name in facts.get("datasets", [])
    ]
    parts = ["## Training data", markdown_table(datasets) if datasets[1:] else f"{NOT_STATED}."]
    if "folders" in facts:
        parts.append(f"Folders of prepared clips: {listed(facts['folders'])}.")
    parts.append(
        f"Splits keep groups whole (a fake and its original, a speaker, a family); hash of the "
        f"plan: {as_text(facts.get('split_hash', NOT_STATED))}."
    )
    parts += [_splits(facts), _labels(facts), _methods(facts)]
    return "\n\n".join(part for part in parts if part)


def _splits(facts: Mapping[str, Any]) -> str:
    if "splits" not in facts:
        counts = facts.get("num_clips", {})
        return bullets(f"{as_text(name)}: {counted(n, 'clip')}" for name, n in counts.items())
    lines = [["split", "genuine", "fake", "groups", "fakes by what is forged"]]
    for name, counts in facts["splits"].items():
        kinds = [f"{kind} {n}" for kind, n in counts["kinds"].items() if kind != "genuine"]
        counted_up = [str(counts[key]) for key in ("genuine", "fake", "groups")]
        lines.append([as_text(name), *counted_up, ", ".join(kinds) or "-"])
    return markdown_table(lines)


def _labels(facts: Mapping[str, Any]) -> str:
    if "labels" not in facts:
        return ""
    lines = [["labels of the training clips", "genuine", "fake", "assumed fake", "unknown"]]
    lines += [[part, *(str(n[key]) for key in ROWS)] for part, n in facts["labels"].items()]
    return markdown_table(lines)


def _methods(facts: Mapping[str, Any]) -> str:
    methods = facts.get("methods", {})
    if not methods:
        return ""
    lines = [["method of the fakes trained on", "clips"]]
    lines += [[as_text(name) if name else NOT_STATED, str(n)] for name, n in methods.items()]
    return markdown_table(lines)


def training_section(subject: Subject) -> str:
    """Networks, members, seed, versions; how to have the same again."""
    facts, model = subject.facts, subject.config["model"]
    record = facts.get("environment", {})
    packages = ", ".join(f"{name} {n}" for name, n in record.get("packages", {}).items())
    branches = {name: model.get(name) for name in ("visual", "audio")}
    lines = [
        f"{name} branch: {as_text(branch['backbone']) if branch else 'none'}"
        for name, branch in branches.items()
    ]
    lines += [
        f"fusion: {as_text((model.get('fusion') or {}).get('kind', NOT_STATED))}",
        f"lips held against the sound: {'yes' if model.get('sync') else 'no'}",
        f"models, one a fold, whose answers are averaged: {subject.num_members}",
        f"seed: {facts.get('seed', NOT_STATED)}",
        f"commit: {facts.get('commit') or NOT_STATED}",
        f"avfake {subject.config['avfake']}; {as_text(packages or NOT_STATED)}",
        f"machine: {as_text(record.get('machine', NOT_STATED))}",
        f"clips are prepared as {subject.config['clips_hash']} (hash of the settings)",
    ]
    where = "`config.yaml` under `facts.settings`" if "settings" in facts else "the run folder"
    return f"## Training\n\n{bullets(lines)}\n\nEvery setting stands in {where}."
