"""A table of scores beside labels in, the numbers of a card out."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from avfake.errors import AvfakeError, ConfigError
from avfake.evaluation import (
    Interval,
    ablation_table,
    decision_table,
    method_table,
    read_plan,
    read_scores,
)

METRICS = ("auc", "log_loss", "eer", "calibration_error")
NEEDED = ("group", "label", "face_fake", "voice_fake", "p_face_fake", "p_voice_fake", "decision")


@dataclass(frozen=True)
class Measured:
    """Clips with labels, and what the detector said of each."""

    scores: pd.DataFrame
    source: str
    """Where the clips come from, in words."""

    @classmethod
    def read(cls, path: Path, *, plan: Path | None, source: str | None = None) -> "Measured":
        """The table of `avfake evaluate --out`; AvfakeError says what it lacks.

        plan: the plan.csv of the training run, if it is there: a table with clips that were
            trained on, or chosen by, is refused. None = the scores are out of fold.
        """
        table = read_scores(path)
        if missing := [name for name in NEEDED if name not in table]:
            raise AvfakeError(
                f"{path}: column {' and '.join(missing)} is missing; make the table with avfake "
                "evaluate CLIPS --detector FOLDER --out scores.csv"
            )
        table["group"] = table["group"].fillna(table["clip_id"])
        if table["label"].isna().all():
            raise AvfakeError(f"{path}: no clip has a label, so nothing can be measured")
        if plan is not None and plan.is_file():
            _refuse_seen(table, path, plan)
        told = source or "the clips of a table of scores"
        folds = ", out of fold: each clip judged by models that had not seen it" * (plan is None)
        return cls(table, f"{told}{folds} ({mark_of(path)})")

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """As `ablation_table`."""
        return ablation_table([("", self.scores)], metrics=METRICS)

    @cached_property
    def by_method(self) -> pd.DataFrame:
        """As `method_table`, by AUC alone; empty where no method is named."""
        if "method" not in self.scores or self.scores["method"].isna().all():
            return pd.DataFrame()
        return method_table([("", self.scores)], metrics=("auc",))

    @cached_property
    def decisions(self) -> Mapping[tuple[str, str], tuple[Interval, int]]:
        """(kind, decision) -> share and number of clips, as `decision_table`."""
        return {
            (str(row["kind"]), str(row["decision"])): (
                Interval(row["value"], row["low"], row["high"]),
                int(row["clips"]),
            )
            for _, row in decision_table(self.scores).iterrows()
        }

    @property
    def num_clips(self) -> int:
        return int(self.scores["label"].notna().sum())

    @property
    def num_groups(self) -> int:
        return int(self.scores["group"].nunique())

    def metric(self, output: str, metric: str) -> Interval | None:
        """Over all clips; None where a class was missing."""
        table = self.metrics
        rows = table[
            (table["output"] == output) & (table["kind"] == "all") & (table["metric"] == metric)
        ]
        if rows.empty or pd.isna(rows["value"].iloc[0]):
            return None
        return Interval(*(float(rows[name].iloc[0]) for name in ("value", "low", "high")))


def mark_of(path: Path) -> str:
    """By which a card says from which table its numbers are."""
    return f"SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"


def _refuse_seen(table: pd.DataFrame, path: Path, plan: Path) -> None:
    seen = {clip_id for clip_id, split in read_plan(plan).items() if split in ("train", "val")}
    if found := [clip_id for clip_id in table["clip_id"] if clip_id in seen]:
        more = ", ..." if len(found) > 5 else ""
        raise ConfigError(
            f"{path}: {len(found)} of its clips trained this detector or chose its epochs, says "
            f"{plan} ({', '.join(found[:5])}{more}); a card takes clips that it has not seen, or "
            "(--out-of-fold) the answers of models that had not"
        )
