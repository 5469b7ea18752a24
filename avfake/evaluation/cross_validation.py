"""Answers of models for the clips that they had not seen, fold by fold; what they are worth."""

import numpy as np
import pandas as pd

from avfake.errors import AvfakeError
from avfake.evaluation.metrics import METRICS
from avfake.evaluation.tables import Answers
from avfake.labels import COLUMNS


def cross_validated(table: pd.DataFrame) -> pd.DataFrame:
    """One row for each output that has clips of both classes.

    Columns: output, clips, fakes, auc_in_folds (the mean of the AUC within each fold that has both
    classes, so that folds that score higher throughout are not held against it), auc (of all folds
    together) with low and high, log_loss with log_loss_low and log_loss_high, and prior_log_loss:
    what the share of fakes in the other folds would have cost, said of every clip. The intervals
    are bootstrapped over groups.

    Args:
        table: out_of_fold.csv of a run (`avfake.training`); of several rows of a clip the first,
            in which nothing was hidden, counts
    """
    if missing := {"clip_id", "group", "fold"} - set(table):
        raise AvfakeError(
            f"the table of answers out of fold lacks {', '.join(sorted(missing))}; "
            "give the out_of_fold.csv of a run"
        )
    whole = table.drop_duplicates("clip_id")
    rows = [_row(whole, output) for output in COLUMNS]
    return pd.DataFrame([row for row in rows if row])


def _row(table: pd.DataFrame, output: str) -> dict[str, float | str] | None:
    rows = table.dropna(subset=list(COLUMNS[output]))
    answers = Answers.read(rows, output)
    scores, labels, folds = answers.scores, answers.labels, rows["fold"].to_numpy()
    if len(set(labels)) < 2:
        return None
    auc, loss = answers.measure("auc"), answers.measure("log_loss")
    prior = np.array([labels[folds != fold].mean() for fold in folds])
    return {
        "output": output,
        "clips": len(labels),
        "fakes": int(labels.sum()),
        "auc_in_folds": _auc_in_folds(scores, labels, folds),
        "auc": auc.value,
        "low": auc.low,
        "high": auc.high,
        "log_loss": loss.value,
        "log_loss_low": loss.low,
        "log_loss_high": loss.high,
        "prior_log_loss": METRICS["log_loss"](prior, labels),
    }


def _auc_in_folds(scores: np.ndarray, labels: np.ndarray, folds: np.ndarray) -> float:
    """NaN where no fold has both classes."""
    found = [METRICS["auc"](scores[folds == fold], labels[folds == fold]) for fold in set(folds)]
    known = [value for value in found if not np.isnan(value)]
    return float(np.mean(known)) if known else float("nan")
