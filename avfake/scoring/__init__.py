"""Score many files into a table and a submission; the same files damaged: a stress test."""

from avfake.scoring.files import checked_files, find_files, iter_verdicts, score_files
from avfake.scoring.score_table import ScoreTable
from avfake.scoring.stress.cells import CELLS
from avfake.scoring.stress.run import run_stress
from avfake.scoring.stress.table import StressTable

__all__ = [
    "CELLS",
    "ScoreTable",
    "StressTable",
    "checked_files",
    "find_files",
    "iter_verdicts",
    "run_stress",
    "score_files",
]
