"""Several answers for one file in, one answer out: verdicts, columns of scores, score tables.

`Combination` names the members and the rule; `write_ensemble` makes a folder of them that opens
like any detector. Every probability is combined over the members that could answer; where none
could, there is none.
"""

from avfake.ensemble.columns import RANK_MEAN, combine_columns, combine_outputs
from avfake.ensemble.folder import (
    Combination,
    fit_decision,
    is_ensemble,
    read_ensemble,
    write_ensemble,
)
from avfake.ensemble.tables import CombinedTable, combine_tables
from avfake.ensemble.verdicts import agree, combine_verdicts, operating_point_of

__all__ = [
    "RANK_MEAN",
    "Combination",
    "CombinedTable",
    "agree",
    "combine_columns",
    "combine_outputs",
    "combine_tables",
    "combine_verdicts",
    "fit_decision",
    "is_ensemble",
    "operating_point_of",
    "read_ensemble",
    "write_ensemble",
]
