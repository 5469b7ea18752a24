"""Whether 80 % means 80 %: the share of fakes among clips that were given about one probability."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from avfake.evaluation.figures.answers import Answers, answers_of
from avfake.evaluation.figures.style import GREY, OUTPUT_LINES, OUTPUT_TITLES, picture, unit_square


@dataclass(frozen=True)
class Bins:
    """Clips in the order of their probability, cut into bins of equal mass; each field [B]."""

    mean_scores: np.ndarray
    shares: np.ndarray
    """Of fakes."""
    lows: np.ndarray
    highs: np.ndarray
    counts: np.ndarray
    """Clips in a bin."""


def reliability_bins(scores: np.ndarray, labels: np.ndarray, *, num_bins: int = 10) -> Bins:
    """Bins for scores [N] and labels [N]; no bin has fewer than 5 clips where there are as many.

    The interval is Wilson's (1927) at 95 %, which holds for few clips and shares of 0 and 1, as if
    clips were independent.
    """
    order = np.argsort(scores, kind="stable")
    parts = np.array_split(order, max(1, min(num_bins, len(order) // 5)))
    counts = np.array([len(part) for part in parts])
    shares = np.array([labels[part].mean() for part in parts])
    lows, highs = wilson_interval(shares, counts)
    means = np.array([scores[part].mean() for part in parts])
    return Bins(means, shares, lows, highs, counts)


def wilson_interval(shares: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Low and high, each [B], of a share observed in so many trials, at 95 %."""
    z = 1.959964
    middle = (shares + z**2 / (2 * counts)) / (1 + z**2 / counts)
    spread = np.sqrt(shares * (1 - shares) / counts + z**2 / (4 * counts**2))
    half = z * spread / (1 + z**2 / counts)
    return np.minimum(middle - half, shares), np.maximum(middle + half, shares)


def draw_reliability(scores: pd.DataFrame, out: Path, *, num_bins: int = 10) -> Path:
    """A panel for each output: the share of fakes against the probability given, with counts.

    scores: the table of `evaluate.read_scores`; outputs without both classes are left out.
    """
    answers = answers_of(scores)
    title = "Does the probability mean what it says?"
    width = 420 * max(2, len(answers))
    with picture(out, width_px=width, height_px=620, title=title) as figure:
        panels = figure.subplots(2, len(answers), squeeze=False, height_ratios=(4, 1))
        for column, one in enumerate(answers):
            bins = reliability_bins(one.scores, one.labels, num_bins=num_bins)
            _draw_panel(panels[0, column], bins, one)
            _draw_counts(panels[1, column], one)
        panels[0, 0].set_ylabel("share of fakes among them")
        panels[1, 0].set_ylabel("clips")
    return out


def _draw_panel(axes: Any, bins: Bins, answers: Answers) -> None:
    line = OUTPUT_LINES[answers.output]
    axes.plot([0, 1], [0, 1], ":", color=GREY, linewidth=1.5)
    errors = np.stack([bins.shares - bins.lows, bins.highs - bins.shares])
    axes.errorbar(bins.mean_scores, bins.shares, errors, **line, marker="o", capsize=3)
    lowest, highest = bins.counts.min(), bins.counts.max()
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
