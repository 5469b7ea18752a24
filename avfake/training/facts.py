"""Where a detector comes from, for its bundle: nothing that could not be published with it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from avfake import config as settings
from avfake.calibration import DecisionFit, OutOfFold
from avfake.datasets import licence_of
from avfake.evaluation import forgery_kind
from avfake.labels import COLUMNS, PARTS, Part
from avfake.training.config import TrainingConfig
from avfake.training.held_out import held_out_facts
from avfake.training.plan import Example, Plan
from avfake.training.run import environment

CLASSES = {False: "genuine", True: "fake"}


def bundle_facts(
    plan: Plan, config: TrainingConfig, *, scored: OutOfFold, judged: DecisionFit
) -> dict[str, Any]:
    """The facts of a bundle; `card` writes them out, and its readers may rely on these keys.

    datasets; licences (dataset -> text or None); folders; num_clips and splits (split -> counts);
    labels (of the training clips: part -> counts); methods (of the fakes trained on: name ->
    clips); one_class_folders; split_hash; seed; commit; environment; settings; held_out.
    """
    train = plan.splits["train"]
    datasets = sorted({e.row.dataset for clips in plan.splits.values() for e in clips})
    record = environment()
    return {
        "datasets": datasets,
        "licences": {name: licence_of(name) for name in datasets},
        "folders": list(plan.folders),
        "num_clips": {name: len(clips) for name, clips in plan.splits.items()},
        "splits": {name: _counts(clips) for name, clips in plan.splits.items()},
        "labels": {part: _label_counts(train, part) for part in PARTS},
        "methods": _sorted(Counter(e.row.method or "" for e in train if e.row.label)),
        "one_class_folders": _one_class_folders(plan),
        "split_hash": plan.hash,
        "seed": config.seed,
        "commit": record["commit"],
        "environment": record,
        "settings": settings.to_dict(config),
        "held_out": held_out_facts(scored, judged, replace(config.stack, seed=config.seed)),
    }


def _counts(examples: Sequence[Example]) -> dict[str, Any]:
    kinds = Counter(
        forgery_kind(
            e.row.face_fake,
            e.row.voice_fake,
            e.row.label,
            has_video=e.has_visual,
            has_audio=e.has_audio,
        )
        or "unknown"
        for e in examples
    )
    return {
        "genuine": sum(e.row.label is False for e in examples),
        "fake": sum(e.row.label is True for e in examples),
        "groups": len({e.row.group for e in examples}),
        "kinds": _sorted(kinds),
    }


def _label_counts(examples: Sequence[Example], part: Part) -> dict[str, int]:
    """Clips with that stream, by what is known of it: genuine, fake, assumed (fake), unknown."""
    counts = Counter(genuine=0, fake=0, assumed=0, unknown=0)
    for example in examples:
        if not (example.has_visual if part == "face" else example.has_audio):
            continue
        told = getattr(example.row, COLUMNS[part].label)
        if told is not None:
            counts[CLASSES[told]] += 1
        else:
            counts["assumed" if getattr(example.weights, part) > 0 else "unknown"] += 1
    return dict(counts)


def _one_class_folders(plan: Plan) -> dict[str, str]:
    """Folder -> the only class that is trained on from it."""
    found = {}
    for name in plan.folders:
        labels = {bool(e.row.label) for e in plan.splits["train"] if e.folder == name}
        if len(labels) == 1:
            found[name] = CLASSES[labels.pop()]
    return found


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items()))
