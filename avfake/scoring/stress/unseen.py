"""The ladder for a detector whose models have seen all labelled files there are, but one fold each.

Every model climbs alone, over the files of its fold, and the answers are put together: what damage
does to files of sources that the judging model does not know.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pandas as pd

from avfake.datasets import Row
from avfake.detector import read_bundle, write_bundle
from avfake.errors import ConfigError
from avfake.scoring.stress.cells import choose_cells
from avfake.scoring.stress.ladder import UNTOUCHED, check_both_answered, score_cells
from avfake.scoring.stress.table import stress_table
from avfake.storage import write_whole


def run_stress_out_of_fold(
    detector: Path,
    held_out: Sequence[Sequence[Row]],
    out: Path,
    *,
    cells: Sequence[str] = (),
    workers: int = 1,
) -> pd.DataFrame:
    """The stress table, also in `out`/stress.csv; a run that was stopped goes on.

    Calibrators and decision rule are those of the whole detector.

    detector: folder of a bundle.
    held_out: for each of its models, in order, labelled rows of files that it did not learn from;
        ConfigError unless all together have both classes, answered.
    """
    bundle, chosen = read_bundle(detector), choose_cells(cells)
    if len(held_out) != len(bundle.models):
        raise ConfigError(
            f"{detector} has {len(bundle.models)} models and {len(held_out)} lists of files that "
            "one has not seen; one for each is needed"
        )
    parts = []
    for number, (model, rows) in enumerate(zip(bundle.models, held_out, strict=True)):
        if not rows:
            continue
        alone = out / f"model_{number}"
        write_bundle(alone / "detector", replace(bundle, models=(model,)))
        parts.append(score_cells(rows, str(alone / "detector"), alone, chosen, workers=workers))
    if not parts:
        raise ConfigError("the lists of files that a model has not seen are all empty")
    scores = {name: pd.concat([part[name] for part in parts]) for name in (UNTOUCHED, *chosen)}
    untouched = scores.pop(UNTOUCHED)
    check_both_answered(untouched, out)
    table = stress_table(untouched, scores)
    write_whole(out / "stress.csv", table.to_csv(index=False))
    return table
