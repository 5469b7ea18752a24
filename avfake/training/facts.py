"""Facts on a detector, stored in its bundle and published with it: its origin, and its quality.

The quality is that on the training clips that its models had not seen: members, calibrators and,
for decisions, decision rules are each of the other folds. Other material may differ.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import astuple

import numpy as np
import pandas as pd

from avfake import config as settings
from avfake.calibration import FEATURES, DecisionFit, DecisionRule, OutOfFold, StackConfig
from avfake.datasets import DatasetSpec
from avfake.detector import facts
from avfake.evaluation import METRICS, Interval, bootstrap, forgery_kind, share
from avfake.labels import COLUMNS, MODALITIES, Part
from avfake.training.config import TrainingConfig
from avfake.training.plan import CLASSES, Example, Plan
from avfake.training.run import environment

MEASURED = ("auc", "log_loss", "calibration_error")
DIGITS = 6


def bundle_facts(plan: Plan, config: TrainingConfig, held_out: facts.HeldOut) -> facts.BundleFacts:
    """Return the facts of a bundle, from which its model card is written."""
    train = plan.splits["train"]
    datasets = sorted({e.row.dataset for clips in plan.splits.values() for e in clips})
    record = settings.from_dict(facts.Environment, environment())
    return facts.BundleFacts(
        datasets=tuple(datasets),
        licences={name: DatasetSpec.licence_of(name) for name in datasets},
        folders=tuple(plan.folders),
        num_clips={name: len(clips) for name, clips in plan.splits.items()},
        splits={name: _counts(clips) for name, clips in plan.splits.items()},
        labels={part: _label_counts(train, part) for part in ("face", "voice")},
        methods=_counted(e.row.method or "" for e in train if e.row.label),
        one_class_folders=plan.one_class_folders,
        split_hash=plan.hash,
        seed=config.seed,
        commit=record.commit,
        environment=record,
        settings=settings.to_dict(config),
        held_out=held_out,
    )


def _counted(names: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items()))


def _kind(example: Example) -> str:
    row, streams = example.row, {"has_face": example.has_visual, "has_voice": example.has_audio}
    return forgery_kind(row.face_fake, row.voice_fake, row.label, **streams) or "unknown"


def _counts(examples: Sequence[Example]) -> facts.SplitCounts:
    return facts.SplitCounts(
        genuine=sum(e.row.label is False for e in examples),
        fake=sum(e.row.label is True for e in examples),
        groups=len({e.row.group for e in examples}),
        kinds=_counted(map(_kind, examples)),
    )


def _label_counts(examples: Sequence[Example], part: Part) -> facts.LabelCounts:
    """Count the clips that have that stream by its label."""

    def told(example: Example) -> str:
        label = getattr(example.row, COLUMNS[part].label)
        if label is not None:
            return CLASSES[label]
        return "assumed" if getattr(example.weights, part) > 0 else "unknown"

    present = [e for e in examples if (e.has_visual if part == "face" else e.has_audio)]
    return facts.LabelCounts(**Counter(map(told, present)))


def held_out_facts(scored: OutOfFold, fitted: DecisionFit, config: StackConfig) -> facts.HeldOut:
    """Return the quality of outputs and decisions on clips that no fit had seen."""
    table = out_of_fold_table(scored, fitted, config)
    decided = table.dropna(subset="decision")
    return facts.HeldOut(
        outputs={output: _output_quality(table, output) for output in fitted.model.outputs},
        decisions={
            modality: _decision_quality(rows)
            for modality in MODALITIES
            if len(rows := decided[decided["modality"] == modality])
        },
        face_px=_face_px(scored),
    )


def out_of_fold_table(scored: OutOfFold, fitted: DecisionFit, config: StackConfig) -> pd.DataFrame:
    """Return one row a clip and modality, with labels, out-of-fold probabilities and decision.

    Labels and probabilities are NaN where unknown and where not assessed. The decision, and
    "covered", whether the conformal set of the clip holds its label, are None where the label is
    unknown or too few groups are there to hold any out.
    """
    table = pd.DataFrame(
        {
            "clip_id": scored.clip_ids,
            "group": scored.groups,
            "fold": scored.fold,
            "modality": scored.modalities,
        }
    )
    for output, (p, label) in COLUMNS.items():
        table[label] = scored.labels.get(output, np.nan)
        table[p] = fitted.kept.get(output, np.nan)
    table["decision"] = table["covered"] = None
    for modality in MODALITIES:
        known = (table["modality"] == modality) & table[["p_fake", "label"]].notna().all(axis=1)
        rows = scored.one_a_clip(known.to_numpy())
        labels = np.full(len(table), np.nan)
        labels[rows] = table["label"].to_numpy(np.float64)[rows]
        folds = scored.folds(labels, num_folds=config.num_folds, seed=config.seed)
        if folds is None:
            continue
        for fold in np.unique(folds[rows]):
            inside = folds[rows] == fold
            _decide(table, rows[inside], table.loc[rows[~inside]], config)
    return table


def _decide(table: pd.DataFrame, rows: np.ndarray, rest: pd.DataFrame, config: StackConfig) -> None:
    """Fill in the decisions on rows by a rule that was fitted on the rest."""
    rule = DecisionRule.fit(
        rest["p_fake"].to_numpy(),
        rest["label"].to_numpy(),
        rest["group"].tolist(),
        config,
    )
    known = table.loc[rows, ["p_fake", "label"]].to_numpy(np.float64)
    for row, (p, label) in zip(rows, known.tolist(), strict=True):
        table.at[row, "decision"] = rule.decide(p)
        table.at[row, "covered"] = rule.band.contains(p)[int(label)]


def _output_quality(table: pd.DataFrame, output: str) -> facts.OutputQuality:
    p, label = COLUMNS[output]
    known = table.dropna(subset=[p, label])
    scores, labels, groups = known[p].to_numpy(), known[label].to_numpy(), list(known["group"])
    metrics = {
        name: _rounded(bootstrap(METRICS[name], scores, labels, groups)) for name in MEASURED
    }
    return facts.OutputQuality(len(known), round(float(np.mean(labels)), DIGITS), **metrics)


def _decision_quality(rows: pd.DataFrame) -> facts.DecisionQuality:
    def share_of(column: str, value: object, of: pd.DataFrame) -> Interval:
        return _rounded(share((of[column] == value).to_numpy(bool), list(of["group"])))

    genuine, fake = rows[rows["label"] == 0], rows[rows["label"] == 1]
    return facts.DecisionQuality(
        len(genuine),
        len(fake),
        false_alarms=share_of("decision", "fake", genuine),
        found=share_of("decision", "fake", fake),
        unsure_genuine=share_of("decision", "unsure", genuine),
        unsure_fake=share_of("decision", "unsure", fake),
        real_covered=share_of("covered", True, genuine),
        fake_covered=share_of("covered", True, fake),
    )


def _face_px(scored: OutOfFold) -> facts.FaceSides | None:
    sides = scored.rows[scored.one_a_clip(), list(FEATURES).index("face_px")]
    sides = sides[~np.isnan(sides)]
    if not len(sides):
        return None
    return facts.FaceSides(round(float(sides.min()), 1), round(float(np.median(sides)), 1))


def _rounded(interval: Interval) -> Interval:
    return Interval(*(round(value, DIGITS) for value in astuple(interval)))
