"""Two detectors on the same clips: is one better, or was it luck?"""

from collections.abc import Sequence
from dataclasses import asdict

import numpy as np
import pandas as pd

from avfake.errors import AvfakeError
from avfake.evaluation.bootstrap import paired_difference
from avfake.evaluation.metrics import METRICS
from avfake.evaluation.tables import DEFAULT_METRICS, numbers
from avfake.labels import COLUMNS


def compare(
    first: pd.DataFrame,
    second: pd.DataFrame,
    *,
    metrics: Sequence[str] = DEFAULT_METRICS,
    num_resamples: int = 1000,
    seed: int = 0,
) -> pd.DataFrame:
    """One row for each output and metric: first minus second, low, high, clips compared.

    Both frames are as `ablation_table` takes them. Only clips that both assessed are compared;
    labels and groups are those of the first.
    """
    joined = first.merge(second, on="clip_id", suffixes=("", "_second"), validate="one_to_one")
    if joined.empty:
        raise AvfakeError("the two detectors have no clip in common")
    records = []
    for output, (probability, label) in COLUMNS.items():
        scores = np.stack([numbers(joined[probability]), numbers(joined[f"{probability}_second"])])
        labels = numbers(joined[label])
        usable = ~np.isnan(scores).any(axis=0) & ~np.isnan(labels)
        for metric in metrics:
            difference = paired_difference(
                METRICS[metric],
                (scores[0, usable], scores[1, usable]),
                labels[usable],
                joined["group"][usable].astype(str).tolist(),
                num_resamples=num_resamples,
                seed=seed,
            )
            records.append(
                {"output": output, "metric": metric}
                | asdict(difference)
                | {"compared": int(usable.sum())}
            )
    return pd.DataFrame(records)
