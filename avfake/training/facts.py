"""Facts on the origin of a detector, stored in its bundle and published with it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

from avfake import config as settings
from avfake.calibration import DecisionFit, OutOfFold
from avfake.datasets import licence_of
from avfake.detector import facts
from avfake.evaluation import forgery_kind
from avfake.labels import COLUMNS, Part
from avfake.training.config import TrainingConfig
from avfake.training.held_out import held_out_facts
from avfake.training.plan import Example, Plan
from avfake.training.run import environment

CLASSES = {False: "genuine", True: "fake"}


def bundle_facts(
    plan: Plan, config: TrainingConfig, *, scored: OutOfFold, judged: DecisionFit
) -> facts.BundleFacts:
    """Return the facts of a bundle, from which its model card is written."""
    train = plan.splits["train"]
    datasets = sorted({e.row.dataset for clips in plan.splits.values() for e in clips})
    record = settings.from_dict(facts.Environment, environment())
    return facts.BundleFacts(
        datasets=tuple(datasets),
        licences={name: licence_of(name) for name in datasets},
        folders=tuple(plan.folders),
        num_clips={name: len(clips) for name, clips in plan.splits.items()},
        splits={name: _counts(clips) for name, clips in plan.splits.items()},
        labels={part: _label_counts(train, part) for part in ("face", "voice")},
        methods=_sorted(Counter(e.row.method or "" for e in train if e.row.label)),
        one_class_folders=_one_class_folders(plan),
        split_hash=plan.hash,
        seed=config.seed,
        commit=record.commit,
        environment=record,
        settings=settings.to_dict(config),
        held_out=held_out_facts(scored, judged, replace(config.stack, seed=config.seed)),
    )


def _counts(examples: Sequence[Example]) -> facts.SplitCounts:
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
    return facts.SplitCounts(
        genuine=sum(e.row.label is False for e in examples),
        fake=sum(e.row.label is True for e in examples),
        groups=len({e.row.group for e in examples}),
        kinds=_sorted(kinds),
    )


def _label_counts(examples: Sequence[Example], part: Part) -> facts.LabelCounts:
    """Count the clips that have that stream by its label."""
    counts = Counter(genuine=0, fake=0, assumed=0, unknown=0)
    for example in examples:
        if not (example.has_visual if part == "face" else example.has_audio):
            continue
        told = getattr(example.row, COLUMNS[part].label)
        if told is not None:
            counts[CLASSES[told]] += 1
        else:
            counts["assumed" if getattr(example.weights, part) > 0 else "unknown"] += 1
    return facts.LabelCounts(**counts)


def _one_class_folders(plan: Plan) -> dict[str, str]:
    """Return folder -> the only class that it trains."""
    found = {}
    for name in plan.folders:
        labels = {bool(e.row.label) for e in plan.splits["train"] if e.folder == name}
        if len(labels) == 1:
            found[name] = CLASSES[labels.pop()]
    return found


def _sorted(counts: Mapping[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items()))
