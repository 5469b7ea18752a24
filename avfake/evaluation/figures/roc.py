"""Hits against false alarms, at every threshold, for each output."""

from pathlib import Path

import pandas as pd

from avfake.evaluation.bootstrap import bootstrap
from avfake.evaluation.figures.answers import answers_of
from avfake.evaluation.figures.style import GREY, OUTPUT_LINES, OUTPUT_TITLES, picture, unit_square
from avfake.evaluation.metrics import METRICS, roc_points


def draw_roc(scores: pd.DataFrame, out: Path, *, num_resamples: int = 1000) -> Path:
    """One curve an output, with its AUC and the 95 % interval over groups.

    scores: the table of `evaluate.read_scores`; outputs without both classes are left out.
    """
    answers = answers_of(scores)
    title = "Forgeries found against false alarms"
    with picture(out, width_px=680, height_px=760, title=title) as figure:
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], ":", color=GREY, linewidth=1.5, label="guessing")
        for one in answers:
            false_alarms, hits = roc_points(one.scores, one.labels)
            interval = bootstrap(
                METRICS["auc"], one.scores, one.labels, one.groups, num_resamples=num_resamples
            )
            silent = f", {one.num_silent} not assessed" if one.num_silent else ""
            name = f"{OUTPUT_TITLES[one.output]}: AUC {interval} ({len(one.labels)} clips{silent})"
            axes.plot(false_alarms, hits, **OUTPUT_LINES[one.output], label=name)
        unit_square(axes, x="share of genuine clips called fake", y="share of fakes found")
        figure.legend(loc="outside lower left")
    return out
