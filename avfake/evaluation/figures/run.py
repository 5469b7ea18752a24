"""The figures of a training run, each drawn as soon as its data is there."""

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from avfake.errors import AvfakeError
from avfake.evaluation.figures.contact_sheet import draw_contact_sheet
from avfake.evaluation.figures.curves import draw_curves
from avfake.evaluation.figures.scores import draw_confusion, draw_reliability, draw_roc
from avfake.evaluation.tables import read_scores

if TYPE_CHECKING:
    from torch import Tensor

logger = logging.getLogger(__name__)


def draw_batch(run_folder: Path, batch: Mapping[str, "Tensor"]) -> list[Path]:
    """Draw figures/contact_sheet.png of a run: its first training batch."""
    return _draw(run_folder, {"contact_sheet": lambda path: draw_contact_sheet(batch, path)})


def draw_training(run_folder: Path) -> list[Path]:
    """Draw figures/curves.png of a run: the loss of its members over the epochs."""
    members = sorted(run_folder.glob("member_*/metrics.jsonl"))
    metric = _chosen_by(run_folder)
    return _draw(run_folder, {"curves": lambda path: draw_curves(members, path, metric=metric)})


def draw_answers(run_folder: Path, scores: Path) -> list[Path]:
    """Draw figures/roc.png, reliability.png and confusion.png of a run.

    scores: table of `measure`, as a file
    """
    functions = {"roc": draw_roc, "reliability": draw_reliability, "confusion": draw_confusion}

    def drawing(draw: Callable[[pd.DataFrame, Path], Path]) -> Callable[[Path], Path]:
        return lambda path: draw(read_scores(scores), path)

    return _draw(run_folder, {name: drawing(draw) for name, draw in functions.items()})


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


def _chosen_by(run_folder: Path) -> str:
    """Return the metric by which a run chose its best epochs."""
    path = run_folder / "config.json"
    if not path.is_file():
        return "log_loss"
    record = json.loads(path.read_text(encoding="utf-8"))
    metric: str = record.get("settings", {}).get("fit", {}).get("metric", "log_loss")
    return metric
