"""A file and a detector in, one self-contained HTML page out: the verdict and what it rests on."""

from avfake.report.annotate import annotate, check_evidence
from avfake.report.card.writing import write_card
from avfake.report.page import check_page, sentence, write_report

__all__ = [
    "annotate",
    "check_evidence",
    "check_page",
    "sentence",
    "write_card",
    "write_report",
]
