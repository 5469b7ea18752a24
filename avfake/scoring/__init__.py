"""Score many files into a table and a submission; the same files damaged: a stress test."""

from avfake.scoring.files import find_files, find_requested, iter_verdicts, score_files
from avfake.scoring.score_table import check_scores, journal_of
from avfake.scoring.stress.cells import CELLS
from avfake.scoring.stress.run import check_target, run_stress
from avfake.scoring.stress.table import Weakest, read_stress, render_stress, signed, weakest_cells
from avfake.scoring.submission import FILL, SUBMISSION, check_submission, write_submission

__all__ = [
    "CELLS",
    "FILL",
    "SUBMISSION",
    "Weakest",
    "check_scores",
    "check_submission",
    "check_target",
    "find_files",
    "find_requested",
    "iter_verdicts",
    "journal_of",
    "read_stress",
    "render_stress",
    "run_stress",
    "score_files",
    "signed",
    "weakest_cells",
    "write_submission",
]
