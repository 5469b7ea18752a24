"""Score many files into a table and a submission; the same files damaged: a stress test."""

from typing import TYPE_CHECKING

from avfake.scoring.files import checked_files, find_files, iter_verdicts, score_files
from avfake.scoring.stress.cells import CELLS
from avfake.scoring.stress.run import run_stress
from avfake.scoring.stress.table import StressTable

if TYPE_CHECKING:
    from avfake.scoring.classifier import DetectorClassifier

__all__ = [
    "DetectorClassifier",
    "CELLS",
    "StressTable",
    "checked_files",
    "find_files",
    "iter_verdicts",
    "run_stress",
    "score_files",
]


def __getattr__(name: str) -> object:
    # Late: scoring a file does not wait for scikit-learn.
    if name != "DetectorClassifier":
        raise AttributeError(f"module 'avfake.scoring' has no attribute {name!r}")
    from avfake.scoring.classifier import DetectorClassifier

    return DetectorClassifier
