"""What was decided for what was forged: each kind of forgery a row, each decision a column."""

from pathlib import Path

import numpy as np
import pandas as pd

from avfake.errors import AvfakeError
from avfake.evaluation.figures.style import picture
from avfake.evaluation.slices import KINDS, add_kind

DECISIONS = ("real", "unsure", "fake")
ROWS = ("genuine", *KINDS)


def confusion_counts(scores: pd.DataFrame) -> pd.DataFrame:
    """int [kinds that occur, 3 decisions]; AvfakeError without decisions or labels.

    A clip without a decision was not assessed, and counts as unsure.
    """
    needed = {"label", "face_fake", "voice_fake", "decision"}
    if missing := needed - set(scores.columns):
        raise AvfakeError(f"the score table lacks {', '.join(sorted(missing))}")
    kinds = add_kind(scores)["kind"]
    decisions = scores["decision"].fillna("unsure")
    if unknown := set(decisions) - set(DECISIONS):
        raise AvfakeError(f"decisions are {', '.join(DECISIONS)}; got {', '.join(sorted(unknown))}")
    counts = pd.DataFrame(
        [[int(((kinds == k) & (decisions == d)).sum()) for d in DECISIONS] for k in ROWS],
        index=list(ROWS),
        columns=list(DECISIONS),
    )
    counts = counts[counts.sum(axis=1) > 0]
    if counts.empty:
        raise AvfakeError("no clip of the score table has a known label")
    return counts


def draw_confusion(scores: pd.DataFrame, out: Path) -> Path:
    """The table of `confusion_counts`, coloured by the share of its row, with the counts in it."""
    counts = confusion_counts(scores)
    totals = counts.sum(axis=1).to_numpy()
    shares = counts.to_numpy() / totals[:, None]
    height = 190 + 72 * len(counts)
    title = "What was decided, by what was forged"
    with picture(out, width_px=680, height_px=height, title=title) as figure:
        axes = figure.subplots()
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
        axes.grid(visible=False)
        axes.hlines(np.arange(len(counts) - 1) + 0.5, -0.5, 2.5, color="white", linewidth=3)
        axes.vlines([0.5, 1.5], -0.5, len(counts) - 0.5, color="white", linewidth=3)
        for (row, column), share in np.ndenumerate(shares):
            colour = "white" if share > 0.55 else "black"
            text = f"{100 * share:.0f} %\n{counts.to_numpy()[row, column]} of {totals[row]}"
            axes.text(column, row, text, ha="center", va="center", color=colour)
        axes.set_xticks(range(len(DECISIONS)), [f"called {name}" for name in DECISIONS])
        axes.set_yticks(range(len(counts)), list(counts.index))
        axes.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
        axes.spines[:].set_visible(False)
    return out
