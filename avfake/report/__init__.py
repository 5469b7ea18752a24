"""A file and a detector in, a report out: a page, a PDF, JSON, an annotated video, a dashboard."""

from avfake.report.annotate import annotate, check_evidence
from avfake.report.card.writing import write_card
from avfake.report.dashboard import check_dashboard, write_pages
from avfake.report.document import document, to_json
from avfake.report.evidence import Evidence, collect_evidence
from avfake.report.pdf import check_pdf
from avfake.report.wording import sentence
from avfake.report.writing import check_page, write_evidence

__all__ = [
    "Evidence",
    "annotate",
    "check_dashboard",
    "check_evidence",
    "check_page",
    "check_pdf",
    "collect_evidence",
    "document",
    "sentence",
    "to_json",
    "write_card",
    "write_evidence",
    "write_pages",
]
