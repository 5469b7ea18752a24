"""The stress table: what each cell changes, from scores of untouched and of rewritten files."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from avfake.errors import AvfakeError
from avfake.evaluation import Interval, compare, markdown_table
from avfake.labels import COLUMNS, OUTPUTS

METRICS = ("auc", "log_loss", "calibration_error")
HARM = {"auc": -1.0, "log_loss": 1.0, "calibration_error": 1.0}
"""Sign of a change for the worse."""
NUMBERS = ("change", "low", "high", "assessed", "unsure")


def stress_table(
    untouched: pd.DataFrame, cells: Mapping[str, pd.DataFrame], *, num_resamples: int = 1000
) -> pd.DataFrame:
    """Return a row for each cell, output and metric: change, low, high, compared, assessed, unsure.

    The change is the cell's metric minus that of the same files untouched, over those that got a
    probability both times ("compared"), with a paired 95 % interval over groups. assessed: share of
    all files that got a probability of this output; unsure: share whose decision is unsure, those
    without a probability included. The untouched files have rows of cell "untouched", whose change
    is 0 by definition.

    Each frame: clip_id, group, label, face_fake, voice_fake, p_fake, p_face_fake, p_voice_fake,
    decision.
    """
    rows = []
    for name, scores in {"untouched": untouched, **cells}.items():
        changes = compare(scores, untouched, metrics=METRICS, num_resamples=num_resamples)
        assessed = {
            output: float(scores[column].notna().mean()) for output, (column, _) in COLUMNS.items()
        }
        changes.insert(0, "cell", name)
        changes["assessed"] = changes["output"].map(assessed)
        changes["unsure"] = float((scores["decision"] == "unsure").mean())
        rows.append(changes.rename(columns={"value": "change"}))
    return pd.concat(rows, ignore_index=True)


def read_stress(path: Path) -> pd.DataFrame:
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
            f"{path}: a stress table has one row for each cell, output ({', '.join(OUTPUTS)}) and "
            f"metric ({', '.join(METRICS)}); make it with avfake stress"
        )
    return numbered


@dataclass(frozen=True)
class Weakest:
    """The cell that harms one output most, by one metric."""

    output: str
    metric: str
    cell: str
    change: Interval

    def __str__(self) -> str:
        name = self.metric.replace("_", " ").replace("auc", "AUC")
        return f"{self.output}, by {name}: {self.cell}, {signed(self.change)}"


def weakest_cells(table: pd.DataFrame) -> list[Weakest]:
    """Return for each output and metric the cell with the largest change for the worse, if any."""
    found = []
    for (output, metric), rows in table.groupby(["output", "metric"], sort=False):
        harm = rows["change"] * HARM[str(metric)]
        if (harm > 0).any():
            worst = rows.iloc[int(np.nanargmax(harm.to_numpy(float)))]
            found.append(Weakest(str(output), str(metric), str(worst["cell"]), _interval(worst)))
    return found


def render_stress(table: pd.DataFrame) -> str:
    """Return the table as aligned Markdown, one line for each cell and output."""
    header = ["cell", "output", *METRICS, "compared", "assessed", "unsure"]
    lines = [header]
    for (cell, output), rows in table.groupby(["cell", "output"], sort=False):
        by_metric = {row["metric"]: signed(_interval(row)) for _, row in rows.iterrows()}
        first = rows.iloc[0]
        shares = [f"{100 * first[name]:.0f} %" for name in ("assessed", "unsure")]
        cells = [by_metric[metric] for metric in METRICS]
        lines.append([str(cell), str(output), *cells, str(first["compared"]), *shares])
    return markdown_table(lines)


def signed(change: Interval) -> str:
    """Return a change with its sign and interval; "-" where there is none."""
    if pd.isna(change.value):
        return "-"
    return f"{change.value:+.3f} [{change.low:+.3f}, {change.high:+.3f}]"


def _interval(row: "pd.Series[Any]") -> Interval:
    return Interval(float(row["change"]), float(row["low"]), float(row["high"]))
