"""Score many files into a table and a submission; the same files damaged: a stress test."""

from typing import TYPE_CHECKING

from avfake import late
from avfake.scoring.finding import find_files
from avfake.scoring.isolated import iter_verdicts
from avfake.scoring.score_table import ScoreTable

if TYPE_CHECKING:
    from avfake.scoring.files import checked_files, score_files
    from avfake.scoring.stress.cells import CELLS
    from avfake.scoring.stress.run import run_stress
    from avfake.scoring.stress.table import StressTable

if TYPE_CHECKING:
    from avfake.scoring.classifier import DetectorClassifier

__all__ = [
    "DetectorClassifier",
    "CELLS",
    "ScoreTable",
    "StressTable",
    "checked_files",
    "find_files",
    "iter_verdicts",
    "run_stress",
    "score_files",
]

__getattr__ = late.names(
    __name__,
    {
        "files": "checked_files score_files",
        "classifier": "DetectorClassifier",
        "stress.cells": "CELLS",
        "stress.run": "run_stress",
        "stress.table": "StressTable",
    },
)
