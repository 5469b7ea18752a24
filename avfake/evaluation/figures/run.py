"""The figures of a training run, each drawn as soon as its data is there."""

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from avfake.errors import AvfakeError
from avfake.evaluation.figures.contact_sheet import draw_contact_sheet
from avfake.evaluation.figures.scores import draw_confusion, draw_reliability, draw_roc
from avfake.evaluation.figures.style import BLUE, GREY, ORANGE, VERMILION, picture
from avfake.evaluation.tables import read_scores

if TYPE_CHECKING:
    from torch import Tensor

logger = logging.getLogger(__name__)
COLUMN_PX = 460


def draw_batch(run_folder: Path, batch: Mapping[str, "Tensor"]) -> list[Path]:
    """Draw figures/contact_sheet.png of a run: its first training batch."""
    return _draw(run_folder, {"contact_sheet": lambda path: draw_contact_sheet(batch, path)})


def draw_training(run_folder: Path, metric: str) -> list[Path]:
    """Draw figures/curves.png of a run: the loss of its members over the epochs.

    metric: that by which the best epochs were chosen
    """
    members = sorted(run_folder.glob("member_*/metrics.jsonl"))
    return _draw(run_folder, {"curves": lambda path: draw_curves(members, path, metric=metric)})


def draw_answers(run_folder: Path, scores: Path) -> list[Path]:
    """Draw figures/roc.png, reliability.png and confusion.png of a run.

    scores: table of `measure`, as a file
    """
    drawings = {
        "roc": lambda path: draw_roc(read_scores(scores), path),
        "reliability": lambda path: draw_reliability(read_scores(scores), path),
        "confusion": lambda path: draw_confusion(read_scores(scores), path),
    }
    return _draw(run_folder, drawings)


def _draw(run_folder: Path, drawings: Mapping[str, Callable[[Path], Path]]) -> list[Path]:
    """Draw figures and return their paths.

    A figure that cannot be drawn (a test split of one class, say) is logged and left out: it must
    not end a finished run.
    """
    drawn = []
    for name, draw in drawings.items():
        try:
            drawn.append(draw(run_folder / "figures" / f"{name}.png"))
        except AvfakeError as error:
            logger.warning("%s.png was not drawn: %s", name, error)
    return drawn


def draw_curves(metrics: Sequence[Path], out: Path, *, metric: str = "log_loss") -> Path:
    """Training loss, validation and learning rate of each model, its best epoch marked.

    metrics: metrics.jsonl of each model of a run. metric: the one the best epoch is chosen by.
    """
    histories = [_read(path, metric) for path in metrics]
    if not histories:
        raise AvfakeError("no model was trained: there is no metrics.jsonl to draw")
    width = max(2 * COLUMN_PX, len(histories) * COLUMN_PX)
    with picture(out, width_px=width, height_px=620, title="How training went") as figure:
        axes = figure.subplots(
            2, len(histories), squeeze=False, sharex="col", sharey="row", height_ratios=(3, 1)
        )
        for column, history in enumerate(histories):
            title = f"model {column + 1} of {len(histories)}"
            _draw_losses(axes[0, column], history, metric, title=title)
            _draw_rates(axes[1, column], history)
        axes[0, 0].set_ylabel("loss (lower is better)")
        axes[1, 0].set_ylabel("learning rate")
        handles, names = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, names, loc="outside lower left", ncols=3)
    return out


def best_epoch(history: pd.DataFrame, metric: str) -> pd.Series | None:
    """The first line with the lowest validation metric; None where none has a number."""
    valued = history.dropna(subset=[f"validation.{metric}"])
    return None if valued.empty else valued.nsmallest(1, f"validation.{metric}").iloc[0]


def _draw_losses(axes: Any, history: pd.DataFrame, metric: str, *, title: str) -> None:
    of_validation = f"validation.{metric}"
    marker = "o" if len(history) <= 40 else None
    for column, name, colour, line in (
        ("train.loss", "training", BLUE, "-"),
        (of_validation, f"validation ({metric})", VERMILION, "--"),
    ):
        points = history["epoch"], history[column]
        axes.plot(*points, line, color=colour, marker=marker, ms=4, label=name)
    best = best_epoch(history, metric)
    if best is not None:
        at, value = int(best["epoch"]), best[of_validation]
        axes.axvline(at, color=GREY, linewidth=1, linestyle=":")
        axes.plot(at, value, "*", color=ORANGE, mec="black", ms=16, label="best epoch", ls="none")
        title += f": best is epoch {at} ({value:.3f})"
    axes.set_title(title)


def _draw_rates(axes: Any, history: pd.DataFrame) -> None:
    from matplotlib.ticker import MaxNLocator

    axes.plot(history["epoch"], history["learning_rate"], color=GREY)
    axes.set_ylim(bottom=0)
    axes.ticklabel_format(axis="y", scilimits=(-2, 3))
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def _read(path: Path, metric: str) -> pd.DataFrame:
    """Return a row an epoch with what is drawn of it; NaN where it has no number."""
    try:
        lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    except (OSError, ValueError) as error:
        raise AvfakeError(f"{path} cannot be read as training metrics: {error}") from error
    if not lines:
        raise AvfakeError(f"{path} holds no epoch yet")
    drawn = ["epoch", "learning_rate", "train.loss", f"validation.{metric}"]
    return pd.json_normalize(lines).reindex(columns=drawn).astype(float)
