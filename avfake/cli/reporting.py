"""The work of `avfake report`, in a process of its own: it may end without ending the command.

Importing this module does not import torch, which the process that watches does not need.
"""

from dataclasses import dataclass
from pathlib import Path

from avfake.detector import PredictOptions
from avfake.errors import AvfakeError, Reason
from avfake.parallel import Failure, map_isolated
from avfake.verdict import Verdict


@dataclass(frozen=True)
class ReportJob:
    """A file, and what is to be made of it."""

    path: str
    out: Path | None
    pdf: Path | None
    detectors: tuple[str, ...]
    """As for `Detector.from_pretrained`, with `combine`."""
    combine: str
    options: PredictOptions
    as_json: bool
    """Whether the report is printed as JSON."""


@dataclass(frozen=True)
class Reported:
    """What the command prints, and the verdict behind it."""

    text: str
    verdict: Verdict


def make_report(job: ReportJob) -> Reported:
    """Write the report by a worker process; where that dies or hangs, one that says so.

    AvfakeError and OSError as if it were made in this process.
    """
    limits = job.options.limits
    [(_, found)] = map_isolated(_report, [job], time_limit_seconds=limits.seconds, limits=limits)
    if isinstance(found, Failure):
        from avfake.report import Evidence

        reason = Reason("file", found.code, found.detail)
        return _written(job, Evidence(Verdict.failed(job.path, reason)))
    if isinstance(found, AvfakeError | OSError):
        raise found
    return found


def _report(job: ReportJob) -> Reported | AvfakeError | OSError:
    """Return an error instead of raising it: raised, it would be taken for the file's failure."""
    from avfake.detector import Detector
    from avfake.report import check_page, check_pdf, collect_evidence

    try:
        if job.out is not None:
            check_page(job.path, job.out)
        if job.pdf is not None:
            check_pdf(job.path, job.pdf)
        chosen = Detector.from_pretrained(job.detectors, combine=job.combine)
        return _written(job, collect_evidence(job.path, chosen, job.options))
    except (AvfakeError, OSError) as error:
        return error


def _written(job: ReportJob, evidence: object) -> Reported:
    from avfake.report import Evidence, to_json, write_evidence

    assert isinstance(evidence, Evidence)
    write_evidence(evidence, job.out, job.pdf)
    written = [f"report: {one}" for one in (job.out, job.pdf) if one is not None]
    text = to_json(evidence) if job.as_json else "\n".join([str(evidence.verdict), *written])
    return Reported(text, evidence.verdict)
