"""All pictures of a finished run, from one place."""

import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path

from torch import Tensor

from avfake.errors import AvfakeError
from avfake.evaluate import read_scores
from avfake.figures.confusion import draw_confusion
from avfake.figures.contact_sheet import draw_contact_sheet
from avfake.figures.curves import draw_curves
from avfake.figures.reliability import draw_reliability
from avfake.figures.roc import draw_roc

logger = logging.getLogger(__name__)
SCORES = "test_scores.csv"


def draw_run(
    run_folder: Path, *, scores: Path | None = None, batch: Mapping[str, Tensor] | None = None
) -> list[Path]:
    """Draw what a run left behind into its folder `figures`; the paths of what was drawn.

    What cannot be drawn (a test split of one class, say) is logged and left out: a picture must
    not cost a finished run.

    Args:
        scores: table of `measure`; by default test_scores.csv in the run folder
        batch: a training batch, for the contact sheet
    """
    out = run_folder / "figures"
    table = scores or run_folder / SCORES
    members = sorted(run_folder.glob("member_*/metrics.jsonl"))
    drawings: dict[str, Callable[[Path], Path]] = {
        "curves": lambda path: draw_curves(members, path, metric=_chosen_by(run_folder)),
        "roc": lambda path: draw_roc(read_scores(table), path),
        "reliability": lambda path: draw_reliability(read_scores(table), path),
        "confusion": lambda path: draw_confusion(read_scores(table), path),
    }
    if batch is not None:
        drawings["contact_sheet"] = lambda path: draw_contact_sheet(batch, path)
    drawn = []
    for name, draw in drawings.items():
        try:
            drawn.append(draw(out / f"{name}.png"))
        except AvfakeError as error:
            logger.warning("%s.png was not drawn: %s", name, error)
    return drawn


def _chosen_by(run_folder: Path) -> str:
    """The metric by which a run chose its best epochs."""
    path = run_folder / "config.json"
    if not path.is_file():
        return "log_loss"
    record = json.loads(path.read_text(encoding="utf-8"))
    metric: str = record.get("settings", {}).get("fit", {}).get("metric", "log_loss")
    return metric
