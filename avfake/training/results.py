"""Train, measure on the test clips, publish: the steps that every recipe repeats.

Each run writes results.csv, with all that is needed to measure it again; rows of it, committed, are
in recipes/results/.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from avfake.clips import PreparedFolder
from avfake.detector import Detector
from avfake.evaluation import ablation_table, draw_answers, method_table, render
from avfake.report import has_card_of, write_card
from avfake.storage import write_whole
from avfake.training.config import TrainingConfig
from avfake.training.measure import measure, measure_moments
from avfake.training.pipeline import TrainedDetector, train_detector, with_found_rate
from avfake.training.plan import Plan
from avfake.training.processes import is_main_process
from avfake.training.rate_finder import RateConfig
from avfake.training.run import environment


@dataclass(frozen=True)
class MeasuredDetector:
    """A trained detector and its scores of the test clips."""

    name: str
    trained: TrainedDetector
    plan: Plan
    scores: pd.DataFrame
    """The table of `measure`."""
    out: Path

    def show_methods(self, output: str, metrics: Sequence[str], file: str) -> None:
        """Print, and write into `file`, the metrics of each forgery method against all genuine."""
        table = method_table([(self.name, self.scores)], output, metrics=metrics)
        save_table(self.out / file, table)
        announce(render(table))

    def show_moments(self) -> None:
        """Print, and write into moments.csv, how well single crops and windows are classified."""
        if not is_main_process():
            return
        moments = measure_moments(self.trained.load(), self.plan.splits["test"])
        if not len(moments):
            announce("no test clip names its forged segments: moments are not measured")
            return
        table = ablation_table([("each moment", moments)], metrics=["auc"])
        table = table[table["output"] != "overall"]
        save_table(self.out / "moments.csv", table)
        announce(render(table))


def train_and_test(
    name: str,
    clips: Sequence[str | Path | PreparedFolder],
    config: TrainingConfig,
    out: Path,
    *,
    rate_search: RateConfig | None = None,
    unseen: Plan | None = None,
) -> MeasuredDetector:
    """Train a detector, measure it on the test clips, and print and publish the results.

    Args:
        clips: prepared folders, or their paths
        rate_search: search the learning rate first (rates.csv)
        unseen: plan of other clips to publish the results of; the run is in out/run then
    """
    folders = [c if isinstance(c, PreparedFolder) else PreparedFolder(c) for c in clips]
    if rate_search:
        config, finding = with_found_rate(folders, config, rate_search, out / "rates.csv")
        announce(str(finding))
    trained = train_detector(folders, config, out / "run" if unseen else out)
    plan = unseen or trained.plan
    if unseen:
        own = measure(trained.load(), trained.plan.splits["test"])
        announce(f"on the test clips of the run:\n{render(ablation_table([(name, own)]))}\n")
        announce("on the clips put aside:")
    scores, table = measure_test(name, trained, plan, out, seed=config.seed)
    announce(render(table))
    announce(f"pictures: {trained.detector.parent / 'figures'}")
    announce(f"detector: {trained.detector} (split {plan.hash})")
    return MeasuredDetector(name, trained, plan, scores, out)


def measure_test(
    name: str, trained: TrainedDetector, plan: Plan, out: Path, *, seed: int
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the scores of the test clips of a plan, and the rows of `record_results`.

    The scores are written to test_scores.csv and published in card and pictures.
    """
    scores = measure(Detector.from_pretrained(trained.detector), plan.splits["test"])
    publish_test(trained.detector, plan, scores, out / "test_scores.csv")
    return scores, record_results([(name, scores)], plan, out, seed=seed)


def publish_test(detector: Path, plan: Plan, scores: pd.DataFrame, path: Path) -> None:
    """Write scores, the card of a detector, and pictures beside its folder.

    A card that has these numbers stays: it may have a stress table, too.

    Args:
        scores: the table of `measure`
        path: file for it
    """
    if not is_main_process():
        return
    save_table(path, scores)
    draw_answers(detector.parent, path)
    if not has_card_of(detector, path):
        source = f"the test split of {plan.data} clips (train/val/test), plan {plan.hash}"
        write_card(detector, scores=path, measured_on=source)


def record_results(
    measured: Sequence[tuple[str, pd.DataFrame]], plan: Plan, out: Path, *, seed: int
) -> pd.DataFrame:
    """Return the table of `ablation_table` with its provenance, written to results.csv.

    Added columns: seed, split (hash of the plan), commit, machine, data (datasets, and numbers of
    clips to train, validate and test on).

    measured: name of a detector -> its table from `measure`, on the plan's test clips
    """
    record = environment()
    table = ablation_table(measured).assign(
        seed=seed,
        split=plan.hash,
        commit=record["commit"],
        machine=record["machine"],
        data=plan.data,
    )
    save_table(out / "results.csv", table)
    return table


def save_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as csv, on the main process only."""
    if is_main_process():
        write_whole(path, table.to_csv(index=False))


def announce(text: str) -> None:
    """Print a result, on the main process only."""
    if is_main_process():
        print(text)  # noqa: T201 - the output of every recipe
