"""Figure of a stress test: the change by each cell, for each output."""

from pathlib import Path

import numpy as np
import pandas as pd

from avfake.errors import AvfakeError
from avfake.evaluation.figures.style import GREY, OUTPUT_LINES, OUTPUT_TITLES, picture

PANELS = {
    "auc": "AUC (left is worse)",
    "log_loss": "log-loss (right is worse)",
    "calibration_error": "calibration error (right is worse)",
}


def draw_stress(table: pd.DataFrame, out: Path) -> Path:
    """A panel for each metric: the change in each cell, with its 95 % interval.

    table: that of `stress.stress_table`.
    """
    cells = [name for name in dict.fromkeys(table["cell"]) if name != "untouched"]
    if not cells:
        raise AvfakeError("the stress table has no cell to draw")
    title = "What damage to the files changes, against the same files untouched"
    height = 190 + 44 * len(cells)
    with picture(out, width_px=1300, height_px=height, title=title) as figure:
        panels = figure.subplots(1, len(PANELS), sharey=True)
        for axes, (metric, name) in zip(panels, PANELS.items(), strict=True):
            axes.axvline(0, color=GREY, linewidth=1.5, linestyle=":")
            for place, (output, line) in enumerate(OUTPUT_LINES.items()):
                rows = table[(table["metric"] == metric) & (table["output"] == output)]
                rows = rows.set_index("cell").loc[cells]
                change = rows["change"].to_numpy(float)
                # An interval of few draws need not hold the value itself.
                errors = np.stack([change - rows["low"], rows["high"] - change]).clip(min=0)
                at = np.arange(len(cells)) + 0.25 * (place - 1)
                style = {"color": line["color"], "fmt": "os^"[place]}
                label = OUTPUT_TITLES[output]
                axes.errorbar(change, at, xerr=errors, markersize=5, label=label, **style)
            axes.set(title=name, xlabel="change")
        panels[0].set_yticks(np.arange(len(cells)), cells)
        panels[0].set_ylim(len(cells) - 0.5, -0.5)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower left", ncols=3)
    return out
