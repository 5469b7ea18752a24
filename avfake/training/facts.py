"""Facts on a detector, stored in its bundle and published with it: its origin, and its quality.

The quality is that on the training clips that its models had not seen: members, calibrators and,
for decisions, decision rules are each of the other folds. Other material may differ.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, replace

import numpy as np
import pandas as pd

from avfake import config as settings
from avfake.calibration import FEATURES, DecisionFit, DecisionRule, OutOfFold, StackConfig
from avfake.datasets import licence_of
from avfake.detector import facts
from avfake.evaluation import METRICS, Interval, bootstrap, forgery_kind, share
from avfake.labels import COLUMNS, MODALITIES, Modality, Part
from avfake.training.config import TrainingConfig
from avfake.training.plan import Example, Plan
from avfake.training.run import environment

MEASURED = ("auc", "log_loss", "calibration_error")
DIGITS = 6
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


def _kind(example: Example) -> str:
    row, streams = example.row, {"has_video": example.has_visual, "has_audio": example.has_audio}
    return forgery_kind(row.face_fake, row.voice_fake, row.label, **streams) or "unknown"


def _counts(examples: Sequence[Example]) -> facts.SplitCounts:
    return facts.SplitCounts(
        genuine=sum(e.row.label is False for e in examples),
        fake=sum(e.row.label is True for e in examples),
        groups=len({e.row.group for e in examples}),
        kinds=_sorted(Counter(map(_kind, examples))),
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


def held_out_facts(scored: OutOfFold, fitted: DecisionFit, config: StackConfig) -> facts.HeldOut:
    """Return the quality of outputs and decisions on clips that no fit had seen."""
    return facts.HeldOut(
        outputs={output: _output(scored, fitted, output) for output in fitted.model.outputs},
        decisions={
            modality: _shares(*decided, *_truth(scored, rows))
            for modality, rows, decided in _decisions(scored, fitted, config)
        },
        face_px=_face_px(scored),
    )


def out_of_fold_table(scored: OutOfFold, fitted: DecisionFit, config: StackConfig) -> pd.DataFrame:
    """Return one row a clip and modality, with labels, out-of-fold probabilities and decision.

    Labels and probabilities are NaN where unknown and where not assessed; the decision is None
    where the label is unknown or too few groups are there to hold any out.
    """
    table = pd.DataFrame(
        {
            "clip_id": scored.clip_ids,
            "group": scored.groups,
            "fold": scored.fold,
            "modality": scored.modalities,
        }
    )
    for output, (p, truth) in COLUMNS.items():
        table[truth] = scored.labels[output]
        table[p] = fitted.kept.get(output, np.full(len(table), np.nan))
    table["decision"] = None
    for _, rows, (decisions, _) in _decisions(scored, fitted, config):
        table.loc[rows, "decision"] = decisions
    return table


def _output(scored: OutOfFold, fitted: DecisionFit, output: str) -> facts.OutputQuality:
    p, labels = fitted.kept[output], scored.labels[output]
    known = ~np.isnan(p) & ~np.isnan(labels)
    groups = np.asarray(scored.groups)[known].tolist()
    metrics = {
        name: _rounded(bootstrap(METRICS[name], p[known], labels[known], groups))
        for name in MEASURED
    }
    fake_share = round(float(np.mean(labels[known])), DIGITS)
    return facts.OutputQuality(int(known.sum()), fake_share, **metrics)


def _decisions(
    scored: OutOfFold, fitted: DecisionFit, config: StackConfig
) -> Iterator[tuple[Modality, np.ndarray, tuple[np.ndarray, np.ndarray]]]:
    """Yield each modality, its labelled rows that were assessed, one a clip, and `_decided`."""
    for modality in MODALITIES if "overall" in fitted.model.outputs else ():
        p_fake = fitted.kept["overall"]
        is_known = ~np.isnan(p_fake + scored.labels["overall"])
        rows = scored.one_a_clip((scored.modalities == modality) & is_known)
        labels = np.full(len(scored), np.nan)
        labels[rows] = scored.labels["overall"][rows]
        folds = scored.folds(labels, num_folds=config.num_folds, seed=config.seed)
        if folds is not None:
            yield modality, rows, _decided(p_fake[rows], labels[rows], folds[rows], config)


def _truth(scored: OutOfFold, rows: np.ndarray) -> tuple[np.ndarray, list[str]]:
    """Return labels and groups of rows."""
    return scored.labels["overall"][rows], np.asarray(scored.groups)[rows].tolist()


def _decided(
    p_fake: np.ndarray, labels: np.ndarray, folds: np.ndarray, config: StackConfig
) -> tuple[np.ndarray, np.ndarray]:
    """Return the decision on each row by rules fitted on other folds, and whether their conformal
    set holds its label."""
    decisions, covered = np.empty(len(labels), object), np.zeros(len(labels), bool)
    for fold in np.unique(folds):
        rest = folds != fold
        rule = DecisionRule.fit(p_fake[rest], labels[rest], config)
        for row in np.flatnonzero(~rest):
            decisions[row] = rule.decide(float(p_fake[row]))
            covered[row] = rule.band.contains(float(p_fake[row]))[int(labels[row])]
    return decisions, covered


def _shares(
    decisions: np.ndarray, covered: np.ndarray, labels: np.ndarray, groups: Sequence[str]
) -> facts.DecisionQuality:
    counted = {
        "false_alarms": (decisions == "fake", 0),
        "found": (decisions == "fake", 1),
        "unsure_genuine": (decisions == "unsure", 0),
        "unsure_fake": (decisions == "unsure", 1),
        "real_covered": (covered, 0),
        "fake_covered": (covered, 1),
    }
    shares = {
        name: _rounded(share(hits[labels == of], np.asarray(groups)[labels == of].tolist()))
        for name, (hits, of) in counted.items()
    }
    genuine, fake = int(np.sum(labels == 0)), int(np.sum(labels == 1))
    return facts.DecisionQuality(genuine, fake, **shares)


def _face_px(scored: OutOfFold) -> facts.FaceSides | None:
    sides = scored.rows[scored.one_a_clip(), list(FEATURES).index("face_px")]
    sides = sides[~np.isnan(sides)]
    if not len(sides):
        return None
    return facts.FaceSides(round(float(sides.min()), 1), round(float(np.median(sides)), 1))


def _rounded(interval: Interval) -> Interval:
    return Interval(*(round(value, DIGITS) for value in astuple(interval)))
