"""A detector and labelled files in, what damage to the files does to its answers out.

Every file is rewritten as a whole once for each cell of `CELLS` (coarser, darker, through a
telephone, ...) and judged anew: faces are found anew, sound is decoded anew.
"""

from avfake.stress.cells import CELLS, Cell, choose_cells
from avfake.stress.ladder import Stress, check_target, run_ladder
from avfake.stress.rewriting import Rewrite
from avfake.stress.table import read_stress, render_stress, stress_table, weakest_cells
from avfake.stress.unseen import run_unseen_ladder

__all__ = [
    "CELLS",
    "Cell",
    "Rewrite",
    "Stress",
    "check_target",
    "choose_cells",
    "read_stress",
    "render_stress",
    "run_ladder",
    "run_unseen_ladder",
    "stress_table",
    "weakest_cells",
]
