"""Figures of a table of scores (ROC curve, reliability, decisions), and of a stress table."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from avfake.errors import AvfakeError
from avfake.evaluation.figures.style import GREY, OUTPUT_LINES, OUTPUT_TITLES, picture, unit_square
from avfake.evaluation.metrics import roc_points
from avfake.evaluation.slices import KINDS, add_kind
from avfake.evaluation.tables import Answers
from avfake.labels import COLUMNS

DECISIONS = ("real", "unsure", "fake")
ROWS = ("genuine", *KINDS)
STRESS_PANELS = {
    "auc": "AUC (left is worse)",
    "log_loss": "log-loss (right is worse)",
    "calibration_error": "calibration error (right is worse)",
}


def answers_of(table: pd.DataFrame) -> list[Answers]:
    """Return one for each output with genuine and fake clips; AvfakeError if there is none."""
    there = [output for output, columns in COLUMNS.items() if set(columns) <= set(table)]
    found = [Answers.read(table, output) for output in there]
    found = [one for one in found if len(set(one.labels)) == 2]
    if not found:
        raise AvfakeError("no output has scores for both genuine and fake clips")
    return found


def draw_roc(scores: pd.DataFrame, out: Path) -> Path:
    """Draw a ROC curve for each output, with its AUC and the 95 % interval over groups.

    scores: the table of `read_scores`; outputs without both classes are left out.
    """
    answers = answers_of(scores)
    title = "Forgeries found against false alarms"
    with picture(out, width_px=680, height_px=760, title=title) as figure:
        axes = figure.subplots()
        axes.plot([0, 1], [0, 1], ":", color=GREY, linewidth=1.5, label="guessing")
        for one in answers:
            false_alarms, hits = roc_points(one.scores, one.labels)
            counts = f"{len(one.labels)} clips"
            if one.num_not_assessed:
                counts += f", {one.num_not_assessed} not assessed"
            name = f"{OUTPUT_TITLES[one.output]}: AUC {one.measure('auc')} ({counts})"
            axes.plot(false_alarms, hits, **OUTPUT_LINES[one.output], label=name)
        unit_square(axes, x="share of genuine clips called fake", y="share of fakes found")
        figure.legend(loc="outside lower left")
    return out


def reliability_bins(scores: np.ndarray, labels: np.ndarray, *, num_bins: int = 10) -> pd.DataFrame:
    """Sort scores [N] and labels [N] into bins of at least 5 clips, where there are as many.

    Columns: score (the mean), share (of fakes), low and high, clips. The interval is Wilson's
    (1927) at 95 %, which holds for few clips and shares of 0 and 1, as if clips were independent.
    """
    from scipy.stats import binomtest

    order = np.argsort(scores, kind="stable")
    rows = []
    for part in np.array_split(order, max(1, min(num_bins, len(order) // 5))):
        test = binomtest(int(labels[part].sum()), len(part))
        low, high = test.proportion_ci(0.95, "wilson")
        rows.append((scores[part].mean(), test.statistic, low, high, len(part)))
    return pd.DataFrame(rows, columns=["score", "share", "low", "high", "clips"])


def draw_reliability(scores: pd.DataFrame, out: Path) -> Path:
    """Draw a reliability diagram for each output: share of fakes against probability, with counts.

    scores: the table of `read_scores`; outputs without both classes are left out.
    """
    answers = answers_of(scores)
    title = "Does the probability mean what it says?"
    width = 420 * max(2, len(answers))
    with picture(out, width_px=width, height_px=620, title=title) as figure:
        panels = figure.subplots(2, len(answers), squeeze=False, height_ratios=(4, 1))
        for column, one in enumerate(answers):
            _draw_panel(panels[0, column], one)
            _draw_counts(panels[1, column], one)
        panels[0, 0].set_ylabel("share of fakes among them")
        panels[1, 0].set_ylabel("clips")
    return out


def _draw_panel(axes: Any, answers: Answers) -> None:
    bins = reliability_bins(answers.scores, answers.labels)
    line = OUTPUT_LINES[answers.output]
    axes.plot([0, 1], [0, 1], ":", color=GREY, linewidth=1.5)
    errors = [bins["share"] - bins["low"], bins["high"] - bins["share"]]
    axes.errorbar(bins["score"], bins["share"], errors, **line, marker="o", capsize=3)
    lowest, highest = bins["clips"].min(), bins["clips"].max()
    each = f"{lowest}" if lowest == highest else f"{lowest}-{highest}"
    axes.set_title(f"{OUTPUT_TITLES[answers.output]} ({each} clips a point)")
    unit_square(axes, x="", y="")


def _draw_counts(axes: Any, answers: Answers) -> None:
    edges = np.linspace(0, 1, 21)
    is_fake = answers.labels == 1
    parts = [answers.scores[~is_fake], answers.scores[is_fake]]
    colours = [GREY, OUTPUT_LINES[answers.output]["color"]]
    axes.hist(parts, edges, stacked=True, color=colours, label=["genuine", "fake"])
    axes.set(xlim=(-0.02, 1.02), xlabel="probability given")
    axes.legend(fontsize=9, loc="lower left", bbox_to_anchor=(0, 1), ncols=2, borderpad=0)


def confusion_counts(scores: pd.DataFrame) -> pd.DataFrame:
    """Count the decisions of each kind, int [kinds, 3]; AvfakeError without decisions or labels.

    A clip without a decision was not assessed, and counts as unsure.
    """
    needed = {"label", "face_fake", "voice_fake", "decision"}
    if missing := needed - set(scores.columns):
        raise AvfakeError(f"the score table lacks {', '.join(sorted(missing))}")
    kinds = add_kind(scores)["kind"]
    decisions = scores["decision"].fillna("unsure")
    if unknown := set(decisions) - set(DECISIONS):
        raise AvfakeError(f"decisions are {', '.join(DECISIONS)}; got {', '.join(sorted(unknown))}")
    counts = pd.crosstab(kinds, decisions).reindex(ROWS, columns=DECISIONS, fill_value=0)
    counts = counts[counts.sum(axis=1) > 0]
    if counts.empty:
        raise AvfakeError("no clip of the score table has a known label")
    return counts


def draw_confusion(scores: pd.DataFrame, out: Path) -> Path:
    """Draw the table of `confusion_counts`, coloured by the share of each row."""
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


def draw_stress(table: pd.DataFrame, out: Path) -> Path:
    """A panel for each metric: the change in each cell, with its 95 % interval.

    table: `scoring.StressTable.rows`.
    """
    cells = [name for name in dict.fromkeys(table["cell"]) if name != "untouched"]
    if not cells:
        raise AvfakeError("the stress table has no cell to draw")
    title = "What damage to the files changes, against the same files untouched"
    height = 190 + 44 * len(cells)
    with picture(out, width_px=1300, height_px=height, title=title) as figure:
        panels = figure.subplots(1, len(STRESS_PANELS), sharey=True)
        for axes, (metric, name) in zip(panels, STRESS_PANELS.items(), strict=True):
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
