"""The part of a score table that a picture of one output is drawn from."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from avfake.errors import AvfakeError
from avfake.evaluation.tables import numbers
from avfake.labels import COLUMNS


@dataclass(frozen=True)
class Answers:
    """What a detector said of one output, where it said anything and the truth is known."""

    output: str
    """overall, face or voice."""
    scores: np.ndarray
    """float64 [N]."""
    labels: np.ndarray
    """float64 [N], 1 = fake."""
    groups: list[str]
    num_silent: int
    """Clips with a label and no probability."""


def answers_of(table: pd.DataFrame) -> list[Answers]:
    """One for each output with genuine and fake clips; AvfakeError where none has both."""
    found = list(_assessed(table))
    if not found:
        raise AvfakeError("no output has scores for both genuine and fake clips")
    return found


def _assessed(table: pd.DataFrame) -> Iterator[Answers]:
    for output, (probability, label) in COLUMNS.items():
        if probability not in table or label not in table:
            continue
        scores, labels = numbers(table[probability]), numbers(table[label])
        known = ~np.isnan(labels)
        shown = known & ~np.isnan(scores)
        if len(set(labels[shown])) == 2:
            groups = table["group"][shown] if "group" in table else table["clip_id"][shown]
            silent = int(known.sum() - shown.sum())
            yield Answers(output, scores[shown], labels[shown], groups.astype(str).tolist(), silent)
