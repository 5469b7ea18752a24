"""What a detector's answers are worth on the training clips that its models had not seen.

Out of fold all the way: members, calibrators and, for what is decided, decision rules are each of
the other folds. The clips are the training's own, so other material is not spoken for.
"""

from collections.abc import Iterator, Sequence
from dataclasses import astuple

import numpy as np
import pandas as pd

from avfake.calibration import (
    MODALITIES,
    DecisionFit,
    DecisionRule,
    Modality,
    OutOfFold,
    StackConfig,
    columns_of,
    group_folds,
    modalities_of,
)
from avfake.detector import facts
from avfake.evaluation import METRICS, Interval, bootstrap, share
from avfake.labels import COLUMNS

MEASURED = ("auc", "log_loss", "calibration_error")
DIGITS = 6


def held_out_facts(scored: OutOfFold, judged: DecisionFit, config: StackConfig) -> facts.HeldOut:
    """Return the quality of outputs and decisions on clips that no fit had seen."""
    return facts.HeldOut(
        outputs={output: _output(scored, judged, output) for output in judged.model.outputs},
        decisions=dict(_decisions(scored, judged, config)),
        face_px=_face_px(scored),
    )


def out_of_fold_table(scored: OutOfFold, judged: DecisionFit, config: StackConfig) -> pd.DataFrame:
    """One row a clip and view: clip_id, group, fold, view, labels, out-of-fold answers, decision.

    labels and probabilities are NaN where unknown and where not assessed; the decision is None
    where the label is unknown or too few groups are there to hold any out.
    """
    table = pd.DataFrame(
        {
            "clip_id": scored.clip_ids,
            "group": scored.groups,
            "fold": scored.fold,
            "view": modalities_of(scored.rows),
        }
    )
    for output, (p, truth) in COLUMNS.items():
        table[truth] = scored.labels[output]
        table[p] = judged.kept.get(output, np.full(len(table), np.nan))
    table["decision"] = None
    for view in MODALITIES if "overall" in judged.kept else ():
        rows = _rows_of(scored, judged, view)
        groups = np.asarray(scored.groups)[rows].tolist()
        decided = _decided(
            judged.kept["overall"][rows], scored.labels["overall"][rows], groups, config
        )
        if decided is not None:
            table.loc[rows, "decision"] = decided[0]
    return table


def _output(scored: OutOfFold, judged: DecisionFit, output: str) -> facts.OutputQuality:
    p, labels = judged.kept[output], scored.labels[output]
    known = ~np.isnan(p) & ~np.isnan(labels)
    groups = np.asarray(scored.groups)[known].tolist()
    metrics = {
        name: _rounded(bootstrap(METRICS[name], p[known], labels[known], groups))
        for name in MEASURED
    }
    fake_share = round(float(np.mean(labels[known])), DIGITS)
    return facts.OutputQuality(int(known.sum()), fake_share, **metrics)


def _decisions(
    scored: OutOfFold, judged: DecisionFit, config: StackConfig
) -> Iterator[tuple[Modality, facts.DecisionQuality]]:
    if "overall" not in judged.model.outputs:
        return
    for view in MODALITIES:
        rows = _rows_of(scored, judged, view)
        p_fake, labels = judged.kept["overall"][rows], scored.labels["overall"][rows]
        groups = np.asarray(scored.groups)[rows].tolist()
        decided = _decided(p_fake, labels, groups, config)
        if decided is not None:
            yield view, _shares(*decided, labels, groups)


def _rows_of(scored: OutOfFold, judged: DecisionFit, view: str) -> np.ndarray:
    """Places of the labelled rows of this view that were assessed, one a clip."""
    is_known = ~np.isnan(judged.kept["overall"] + scored.labels["overall"])
    rows = np.flatnonzero((modalities_of(scored.rows) == view) & is_known)
    return rows[np.unique(np.asarray(scored.clip_ids)[rows], return_index=True)[1]]


def _decided(
    p_fake: np.ndarray, labels: np.ndarray, groups: Sequence[str], config: StackConfig
) -> tuple[np.ndarray, np.ndarray] | None:
    """What rules fitted on other groups say of each row, and whether their set holds its label."""
    folds = group_folds(labels, groups, num_folds=config.num_folds, seed=config.seed)
    if folds is None:
        return None
    decisions, covered = np.empty(len(labels), object), np.zeros(len(labels), bool)
    for fold in np.unique(folds):
        rest = folds != fold
        rule = DecisionRule.fit(
            p_fake[rest],
            labels[rest],
            false_alarm_rate=config.false_alarm_rate,
            confidence=config.confidence,
        )
        for row in np.flatnonzero(~rest):
            decisions[row] = rule.decide(float(p_fake[row]))
            covered[row] = rule.band.contains(float(p_fake[row]))[int(labels[row])]
    return decisions, covered


def _shares(
    decisions: np.ndarray, covered: np.ndarray, labels: np.ndarray, groups: Sequence[str]
) -> facts.DecisionQuality:
    asked = {
        "false_alarms": (decisions == "fake", 0),
        "found": (decisions == "fake", 1),
        "unsure_genuine": (decisions == "unsure", 0),
        "unsure_fake": (decisions == "unsure", 1),
        "real_covered": (covered, 0),
        "fake_covered": (covered, 1),
    }
    shares = {
        name: _rounded(share(hits[labels == of], np.asarray(groups)[labels == of].tolist()))
        for name, (hits, of) in asked.items()
    }
    genuine, fake = int(np.sum(labels == 0)), int(np.sum(labels == 1))
    return facts.DecisionQuality(genuine, fake, **shares)


def _face_px(scored: OutOfFold) -> facts.FaceSides | None:
    sides = columns_of(scored.rows[scored.is_full_row], ("face_px",))
    sides = sides[~np.isnan(sides)]
    if not len(sides):
        return None
    return facts.FaceSides(round(float(sides.min()), 1), round(float(np.median(sides)), 1))


def _rounded(interval: Interval) -> Interval:
    return Interval(*(round(value, DIGITS) for value in astuple(interval)))
