"""What a run measured, with all that is needed to measure it again: results.csv, for every recipe.

Rows of it, committed, are what stands in recipes/results/.
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from avfake.detector import Detector
from avfake.evaluation import ablation_table, draw_answers
from avfake.report import has_card_of, write_card
from avfake.storage import write_whole
from avfake.training.fitting.processes import is_main_process
from avfake.training.measure import measure
from avfake.training.plan import Plan
from avfake.training.run import environment


def measure_test(
    name: str, detector: Detector, plan: Plan, out: Path, *, seed: int
) -> pd.DataFrame:
    """The rows of `record_results` for one detector on the test clips of the plan.

    Each clip's scores are written to test_scores.csv, what they come to also into the card of
    out/detector and into pictures.
    """
    scores = measure(detector, plan.splits["test"])
    if is_main_process():
        write_whole(out / "test_scores.csv", scores.to_csv(index=False))
        publish_test(out / "detector", plan, out / "test_scores.csv")
    return record_results([(name, scores)], plan, out, seed=seed)


def publish_test(detector: Path, plan: Plan, scores: Path) -> None:
    """The card of a detector's folder and, beside the folder, pictures: what the test clips gave.

    A card that has these numbers stays: it may have a stress table, too.

    scores: the table of `measure`, as a file
    """
    draw_answers(detector.parent, scores)
    if has_card_of(detector, scores):
        return
    source = f"the test split of {_data(plan)} clips (train/val/test), plan {plan.hash}"
    write_card(detector, scores=scores, measured_on=source)


def record_results(
    measured: Sequence[tuple[str, pd.DataFrame]], plan: Plan, out: Path, *, seed: int
) -> pd.DataFrame:
    """The table of `ablation_table`, with where its numbers come from; written to results.csv.

    Columns beside those: seed, split (hash of the plan), commit, machine, data (datasets, and how
    many clips train, choose and test).

    Args:
        measured: name of a detector -> its table from `measure`, on the plan's test clips
    """
    record = environment()
    table = ablation_table(measured).assign(
        seed=seed,
        split=plan.hash,
        commit=record["commit"],
        machine=record["machine"],
        data=_data(plan),
    )
    if is_main_process():
        write_whole(out / "results.csv", table.to_csv(index=False))
    return table


def _data(plan: Plan) -> str:
    datasets = sorted({e.row.dataset for clips in plan.splits.values() for e in clips})
    sizes = "/".join(str(len(plan.splits[name])) for name in ("train", "val", "test"))
    return f"{' + '.join(datasets)} {sizes}"
