"""The stress table: what each cell changes, from scores of untouched and of rewritten files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from avfake.errors import AvfakeError
from avfake.evaluation import Interval, compare, markdown_table
from avfake.labels import COLUMNS, OUTPUTS

METRICS = ("auc", "log_loss", "calibration_error")
HARM = {"auc": -1.0, "log_loss": 1.0, "calibration_error": 1.0}
"""Sign of a change for the worse."""
NUMBERS = ("change", "low", "high", "assessed", "unsure")
CHANGE = ["change", "low", "high", "cell", "output", "metric"]
"""Columns with the fields of a `Change`, in order."""


@dataclass(frozen=True)
class Change(Interval):
    """What one cell changes in one output, by one metric."""

    cell: str
    output: str
    metric: str

    def __str__(self) -> str:
        """Return the change with its sign and interval; "-" where there is none."""
        if pd.isna(self.value):
            return "-"
        return f"{self.value:+.3f} [{self.low:+.3f}, {self.high:+.3f}]"


@dataclass(frozen=True)
class StressTable:
    """What each cell changes, and which cell harms most."""

    rows: pd.DataFrame
    """One for each cell, output and metric: change, low, high, compared, assessed, unsure.

    The change is the cell's metric minus that of the same files untouched, over those that got a
    probability both times ("compared"), with a paired 95 % interval over groups. assessed: share of
    all files that got a probability of this output; unsure: share whose decision is unsure, those
    without a probability included. The untouched files have rows of cell "untouched", whose change
    is 0 by definition."""

    @classmethod
    def comparing(
        cls,
        untouched: pd.DataFrame,
        cells: Mapping[str, pd.DataFrame],
        *,
        num_resamples: int = 1000,
    ) -> "StressTable":
        """Compare the scores of each cell with those of the untouched files.

        Each frame: clip_id, group, label, face_fake, voice_fake, p_fake, p_face_fake, p_voice_fake,
        decision.
        """
        rows = []
        for name, scores in {"untouched": untouched, **cells}.items():
            changes = compare(scores, untouched, metrics=METRICS, num_resamples=num_resamples)
            assessed = {
                output: float(scores[column].notna().mean())
                for output, (column, _) in COLUMNS.items()
            }
            changes.insert(0, "cell", name)
            changes["assessed"] = changes["output"].map(assessed)
            changes["unsure"] = float((scores["decision"] == "unsure").mean())
            rows.append(changes.rename(columns={"value": "change"}))
        return cls(pd.concat(rows, ignore_index=True))

    @classmethod
    def read(cls, path: Path) -> "StressTable":
        """Read a stress.csv; AvfakeError names what it lacks."""
        try:
            table = pd.read_csv(path)
            numbered = table.astype(dict.fromkeys(NUMBERS, float)).astype({"compared": int})
        except (OSError, ValueError, KeyError) as error:
            raise AvfakeError(f"{path}: cannot be read as a stress table: {error}") from error
        rows = numbered.groupby(["cell", "output", "metric"]).size()
        cells = list(dict.fromkeys(numbered["cell"]))
        wanted = pd.MultiIndex.from_product([cells, list(OUTPUTS), list(METRICS)])
        if not cells or set(rows.index) != set(wanted) or (rows > 1).any():
            raise AvfakeError(
                f"{path}: a stress table has one row for each cell, output ({', '.join(OUTPUTS)}) "
                f"and metric ({', '.join(METRICS)}); make it with avfake stress"
            )
        return cls(numbered)

    def changes(self) -> list[Change]:
        """Return the change in each row."""
        return [Change(*row) for row in self.rows[CHANGE].itertuples(index=False)]

    def weakest(self) -> list[Change]:
        """Return for each output and metric the largest change for the worse, if there is any."""
        found: dict[tuple[str, str], list[Change]] = {}
        for change in self.changes():
            found.setdefault((change.output, change.metric), []).append(change)
        worst = [
            max(some, key=lambda one: np.nan_to_num(one.value * HARM[one.metric]))
            for some in found.values()
        ]
        return [one for one in worst if one.value * HARM[one.metric] > 0]

    def __str__(self) -> str:
        """Return aligned Markdown, one line for each cell and output."""
        lines = [["cell", "output", *METRICS, "compared", "assessed", "unsure"]]
        for (cell, output), rows in self.rows.groupby(["cell", "output"], sort=False):
            by_metric = {one.metric: str(one) for one in StressTable(rows).changes()}
            first = rows.iloc[0]
            shares = [f"{100 * first[name]:.0f} %" for name in ("assessed", "unsure")]
            cells = [by_metric[metric] for metric in METRICS]
            lines.append([str(cell), str(output), *cells, str(first["compared"]), *shares])
        return markdown_table(lines)
