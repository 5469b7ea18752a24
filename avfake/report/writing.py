"""A file and a detector in, the report as files out: page, PDF and JSON."""

from collections.abc import Callable
from pathlib import Path

from avfake.detector import Detector, PredictOptions
from avfake.report.evidence import Evidence, collect_evidence, say_nothing
from avfake.report.page import render_page
from avfake.report.pdf import write_pdf
from avfake.storage import Output, as_path, write_whole
from avfake.verdict import Verdict

ENDINGS = (".html", ".htm")
MARK = b'<meta name="generator" content="avfake'
"""Shows that avfake wrote the page, so that it may be replaced."""


def check_page(path: str | Path, out: Path) -> None:
    """Raise ConfigError if the page cannot be written to `out`, or would replace another file."""
    Output(out, inputs=[as_path(path)]).check_file("page", ENDINGS, MARK)


def write_report(
    path: str | Path,
    detector: Detector,
    out: Path,
    options: PredictOptions | None = None,
    tell: Callable[[str], None] = say_nothing,
) -> Verdict:
    """Write the verdict on a file as a page to `out`, also for a file that cannot be read.

    ConfigError as `check_page`.

    tell: is called with the words of each step, such as "finding faces and speech"
    """
    check_page(path, out)
    evidence = collect_evidence(path, detector, options, tell)
    tell("writing the report")
    write_evidence(evidence, out)
    return evidence.verdict


def write_evidence(evidence: Evidence, out: Path | None, pdf: Path | None = None) -> None:
    """Write what was collected as a page, as a PDF of that page, or both.

    ConfigError where the PDF needs a browser that is not there.
    """
    # A file name need not be text: what is none is shown by its codes.
    page = render_page(evidence).encode(errors="backslashreplace")
    if out is not None:
        write_whole(out, page)
    if pdf is not None:
        write_pdf(page, pdf)
