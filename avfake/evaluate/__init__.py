"""Tables of scores and labels in, metrics with bootstrap intervals over groups out.

1 = fake. A metric is NaN where one class is missing; a clip without a probability is counted as
not assessed, never scored as 0.5.
"""

from avfake.evaluate.bootstrap import Interval, bootstrap, group_interval, paired_difference
from avfake.evaluate.compare import compare
from avfake.evaluate.cross_validation import cross_validated
from avfake.evaluate.delong import AucComparison, delong
from avfake.evaluate.localise import (
    FileSegments,
    average_precision,
    average_recall,
    localisation,
    localisation_table,
    mean_best_iou,
)
from avfake.evaluate.markdown import as_text, markdown_table
from avfake.evaluate.metrics import METRICS
from avfake.evaluate.shares import DECISIONS, decision_table, share
from avfake.evaluate.slices import KINDS, add_kind, forgery_kind
from avfake.evaluate.tables import ablation_table, method_table, read_plan, read_scores, render

__all__ = [
    "DECISIONS",
    "KINDS",
    "METRICS",
    "AucComparison",
    "FileSegments",
    "Interval",
    "ablation_table",
    "add_kind",
    "as_text",
    "average_precision",
    "average_recall",
    "bootstrap",
    "compare",
    "cross_validated",
    "decision_table",
    "delong",
    "forgery_kind",
    "group_interval",
    "localisation",
    "localisation_table",
    "markdown_table",
    "mean_best_iou",
    "method_table",
    "paired_difference",
    "read_plan",
    "read_scores",
    "render",
    "share",
]
