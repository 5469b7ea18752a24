"""The verb `card`, which writes a detector's model card."""

from pathlib import Path
from typing import Annotated

import tyro

from avfake.cli.codes import OK
from avfake.cli.flags import refuse_idle
from avfake.storage import check_file


def card(
    detector: Annotated[Path, tyro.conf.Positional],
    /,
    *,
    scores: Path | None = None,
    stress: Path | None = None,
    licence: str | None = None,
    measured_on: str | None = None,
    out_of_fold: bool = False,
) -> int:
    """Write the model card (README.md) of a detector again, with what was measured.

    What is not given here is named in the card as not measured, or not stated. How to read it:
    docs/evaluation.md.

    Args:
        detector: Folder of a trained detector.
        scores: Table of avfake evaluate --out, or test_scores.csv of a training run.
        stress: The stress.csv of avfake stress.
        licence: Of the weights: a short name of the Hub, such as cc-by-4.0, or words.
        measured_on: What the clips of --scores are, in words.
        out_of_fold: Each score is by models that had not seen its clip; otherwise clips that
            trained the detector are refused.
    """
    if scores is None:
        about = {"--measured-on": measured_on, "--out-of-fold": out_of_fold}
        refuse_idle(about, "it describes --scores")
    from avfake.detector import CARD
    from avfake.report import write_card

    read = [table for table in (scores, stress) if table is not None]
    check_file(detector / CARD, flag="the card", what="card", endings=(), inputs=read)
    path = write_card(
        detector,
        scores=scores,
        stress=stress,
        licence=licence,
        measured_on=measured_on,
        out_of_fold=out_of_fold,
    )
    print(f"model card: {path}")
    for flag, given in (("scores", scores), ("stress", stress)):
        if given is None:
            print(f"without --{flag}, the card names this as not measured")
    return OK
