"""Tables of scores and labels in, metrics with bootstrap intervals over groups out.

1 = fake. A metric is NaN where one class is missing; a clip without a probability is counted as
not assessed, never scored as 0.5.
"""

from typing import TYPE_CHECKING

from avfake import late
from avfake.evaluation.bootstrap import Interval, bootstrap
from avfake.evaluation.markdown import markdown_table
from avfake.evaluation.metrics import METRICS

if TYPE_CHECKING:
    from avfake.evaluation.cross_validation import cross_validated
    from avfake.evaluation.figures.run import draw_answers, draw_batch, draw_training
    from avfake.evaluation.figures.scores import draw_stress
    from avfake.evaluation.shares import decision_table, share
    from avfake.evaluation.slices import forgery_kind
    from avfake.evaluation.tables import ablation_table, compare, read_plan, read_scores, render

__all__ = [
    "Interval",
    "METRICS",
    "ablation_table",
    "bootstrap",
    "compare",
    "cross_validated",
    "decision_table",
    "draw_answers",
    "draw_batch",
    "draw_stress",
    "draw_training",
    "forgery_kind",
    "markdown_table",
    "read_plan",
    "read_scores",
    "render",
    "share",
]

__getattr__ = late.names(
    __name__,
    {
        "cross_validation": "cross_validated",
        "figures.run": "draw_answers draw_batch draw_training",
        "figures.scores": "draw_stress",
        "shares": "decision_table share",
        "slices": "forgery_kind",
        "tables": "ablation_table compare read_plan read_scores render",
    },
)
