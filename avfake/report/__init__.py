"""A file and a detector in, one self-contained HTML page out: the verdict and what it rests on."""

from avfake.report.evidence import Evidence, collect_evidence
from avfake.report.page import check_page, render_page, write_report

__all__ = ["Evidence", "check_page", "collect_evidence", "render_page", "write_report"]
