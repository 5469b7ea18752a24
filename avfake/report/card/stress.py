"""The chapter on stress of a card: the weakest cell of each output, in sentences."""

from typing import Any

import numpy as np
import pandas as pd

from avfake.evaluation import Interval
from avfake.labels import OUTPUTS
from avfake.report.card.measured import METRICS
from avfake.report.card.tables import NOT_MEASURED, as_text
from avfake.scoring import CELLS, Weakest, render_stress, signed, weakest_cells


def stress_text(table: pd.DataFrame) -> dict[str, Any]:
    """Return what the card takes from the table of `read_stress`.

    comments: a sentence or more for each output; table; meanings: what each cell does to a file;
    left_out: cells that were not run.
    """
    cells = [cell for cell in dict.fromkeys(table["cell"]) if cell != "untouched"]
    shown = table.assign(cell=[one if one in CELLS else as_text(one) for one in table["cell"]])
    return {
        "comments": [_comment(table, output) for output in OUTPUTS],
        "table": render_stress(shown),
        "meanings": [f"`{cell}`: {CELLS[cell].meaning}" for cell in cells if cell in CELLS],
        "left_out": [cell for cell in CELLS if cell not in cells],
    }


def _comment(table: pd.DataFrame, output: str) -> str:
    """Return the weakest cell of an output by each metric, and whether that may be chance."""
    rows = table[table["output"] == output]
    if rows["change"].isna().all():
        return f"**{output}**: {NOT_MEASURED}; no clip with labels of both classes was assessed."
    found = weakest_cells(rows)
    if not found:
        return f"**{output}**: no cell made it worse by any metric.{_least_assessed(rows)}"
    first, *others = found
    low, high = first.change.low, first.change.high
    text = (
        f"**{output}**: weakest under {_named(first.cell)}, where the {METRICS[first.metric]} "
        f"changes by {signed(first.change)}; "
    )
    if low > 0 or high < 0:
        text += "the interval leaves out 0, so these clips do show harm."
    else:
        text += "the interval holds 0, so it may be chance."
    for other in others:
        cell = "there too" if other.cell == first.cell else f"under {_named(other.cell)}"
        text += f" The {METRICS[other.metric]} suffers most {cell}: {signed(other.change)}."
    return text + _rewritten(rows, first) + _least_assessed(rows)


def _rewritten(rows: pd.DataFrame, weakest: Weakest) -> str:
    """Return the change by writing the file again alone, to compare the weakest cell with."""
    asked = (rows["cell"] == "rewritten") & (rows["metric"] == weakest.metric)
    if weakest.cell == "rewritten" or not asked.any():
        return ""
    row = rows[asked].iloc[0]
    change = Interval.of(row, "change")
    return f" Writing the files again changes the {METRICS[weakest.metric]} by {signed(change)}."


def _least_assessed(rows: pd.DataFrame) -> str:
    """Return the cell with the fewest answers, if that is fewer than without damage."""
    assessed = rows.groupby("cell", sort=False)["assessed"].first()
    whole = float(assessed.get("untouched", np.nan))
    least = str(assessed.idxmin())
    if not float(assessed[least]) < whole:
        return ""
    return (
        f" It assesses the fewest files under {_named(least)}: {100 * assessed[least]:.0f} % of "
        f"them, and {100 * whole:.0f} % of the untouched ones."
    )


def _named(cell: str) -> str:
    """Return a cell with its meaning, if this version of avfake has that cell."""
    return f"`{cell}` ({CELLS[cell].meaning})" if cell in CELLS else as_text(cell)
