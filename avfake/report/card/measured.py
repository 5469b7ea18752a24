"""The numbers of a card that come from a table of scores and labels."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from avfake.detector import facts
from avfake.errors import AvfakeError, ConfigError
from avfake.evaluation import (
    Interval,
    ablation_table,
    decision_table,
    read_plan,
    read_scores,
)

METRICS = {
    "auc": "AUC",
    "log_loss": "log-loss",
    "eer": "EER",
    "calibration_error": "calibration error",
}
NEEDED = ("group", "label", "face_fake", "voice_fake", "p_face_fake", "p_voice_fake", "decision")


@dataclass(frozen=True)
class Measured:
    """Labelled clips with the answers of the detector."""

    scores: pd.DataFrame
    source: str
    """Description of the clips."""

    @classmethod
    def read(cls, path: Path, *, plan: Path | None, source: str | None = None) -> "Measured":
        """Read the table of `avfake evaluate --out`; AvfakeError names what it lacks.

        plan: plan.csv of the training run, if there is one: a table with clips that trained the
            detector or chose its epochs is refused. None = the scores are out of fold.
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
        clips = source or "the clips of a table of scores"
        folds = ", out of fold: each clip scored by models that had not seen it" * (plan is None)
        return cls(table, f"{clips}{folds} ({mark_of(path)})")

    @cached_property
    def metrics(self) -> pd.DataFrame:
        """Return the metrics in the columns of `ablation_table`."""
        return ablation_table([("", self.scores)], metrics=tuple(METRICS))

    @cached_property
    def decisions(self) -> dict[tuple[str, str], tuple[Interval, int]]:
        """Return (kind, decision) -> share and number of clips, from `decision_table`."""
        return {
            (row["kind"], row["decision"]): (Interval.of(row), int(row["clips"]))
            for _, row in decision_table(self.scores).iterrows()
        }

    @property
    def rates(self) -> facts.DecisionRates:
        """Return the shares of decisions on all genuine and on all fake clips."""
        shares = self.decisions
        return facts.DecisionRates(
            genuine=shares["genuine", "fake"][1],
            fake=shares["fake", "fake"][1],
            false_alarms=shares["genuine", "fake"][0],
            found=shares["fake", "fake"][0],
            unsure_genuine=shares["genuine", "unsure"][0],
            unsure_fake=shares["fake", "unsure"][0],
        )

    @property
    def num_clips(self) -> int:
        return int(self.scores["label"].notna().sum())

    @property
    def num_groups(self) -> int:
        return int(self.scores["group"].nunique())

    @property
    def priors(self) -> list[str]:
        """Return the prior shares of fakes that were asked for, as text."""
        return list(dict.fromkeys(f"{float(one):g}" for one in self.scores.get("prior", ())))

    def metric(self, output: str, metric: str) -> Interval | None:
        """Return a metric over all clips; None where a class was missing."""
        of_all = self.metrics[self.metrics["kind"] == "all"].dropna(subset="value")
        rows = of_all[(of_all["output"] == output) & (of_all["metric"] == metric)]
        return None if rows.empty else Interval.of(rows.iloc[0])


def mark_of(path: Path) -> str:
    """Return the mark by which a card names the table of its numbers."""
    return f"SHA-256 {hashlib.sha256(path.read_bytes()).hexdigest()[:12]}"


def _refuse_seen(table: pd.DataFrame, path: Path, plan: Path) -> None:
    seen = {clip_id for clip_id, split in read_plan(plan).items() if split in ("train", "val")}
    if found := [clip_id for clip_id in table["clip_id"] if clip_id in seen]:
        more = ", ..." if len(found) > 5 else ""
        raise ConfigError(
            f"{path}: {len(found)} of its clips trained this detector or chose its epochs, by "
            f"{plan} ({', '.join(found[:5])}{more}); give clips that it has not seen, or "
            "(--out-of-fold) the answers of models that had not"
        )
