"""The chapter on stress of a card: the weakest cell of each output, in sentences."""

from typing import Any

import numpy as np

from avfake import scoring
from avfake.labels import OUTPUTS
from avfake.report.card.measured import METRICS
from avfake.report.card.tables import NOT_MEASURED, as_text
from avfake.scoring import StressTable


def stress_text(table: StressTable) -> dict[str, Any]:
    """Return what the card takes from a stress table.

    comments: a sentence or more for each output; table; meanings: what each cell does to a file;
    left_out: cells that were not run.
    """
    every = list(table.rows["cell"])
    cells = [cell for cell in dict.fromkeys(every) if cell != "untouched"]
    shown = table.rows.assign(cell=[one if one in scoring.CELLS else as_text(one) for one in every])
    return {
        "comments": [_comment(table, output) for output in OUTPUTS],
        "table": str(StressTable(shown)),
        "meanings": [
            f"`{cell}`: {scoring.CELLS[cell].meaning}" for cell in cells if cell in scoring.CELLS
        ],
        "left_out": [cell for cell in scoring.CELLS if cell not in cells],
    }


def _comment(table: StressTable, output: str) -> str:
    """Return the weakest cell of an output by each metric, and whether that may be chance."""
    table = StressTable(table.rows[table.rows["output"] == output])
    if table.rows["change"].isna().all():
        return f"**{output}**: {NOT_MEASURED}; no clip with labels of both classes was assessed."
    found = table.weakest()
    if not found:
        return f"**{output}**: no cell made it worse by any metric.{_least_assessed(table)}"
    first, *others = found
    text = (
        f"**{output}**: weakest under {_named(first.cell)}, where the {METRICS[first.metric]} "
        f"changes by {first}; "
    )
    if first.low > 0 or first.high < 0:
        text += "the interval leaves out 0, so these clips do show harm."
    else:
        text += "the interval holds 0, so it may be chance."
    for other in others:
        cell = "there too" if other.cell == first.cell else f"under {_named(other.cell)}"
        text += f" The {METRICS[other.metric]} suffers most {cell}: {other}."
    for change in table.changes():  # by writing the file again alone, to compare the weakest with
        if change.cell == "rewritten" != first.cell and change.metric == first.metric:
            text += f" Writing the files again changes the {METRICS[first.metric]} by {change}."
    return text + _least_assessed(table)


def _least_assessed(table: StressTable) -> str:
    """Return the cell with the fewest answers, if that is fewer than without damage."""
    assessed = table.rows.groupby("cell", sort=False)["assessed"].first()
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
    return f"`{cell}` ({scoring.CELLS[cell].meaning})" if cell in scoring.CELLS else as_text(cell)
