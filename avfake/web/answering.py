"""The answer for one file, made in a worker process: limits, verdict, page.

Only this file reads what users send, and only in a worker: the process of the server never decodes.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from avfake.errors import AvfakeError, ConfigError, MediaError, Reason, require
from avfake.limits import Limits, current, limited
from avfake.parallel import Failure, StandingPool
from avfake.verdict import Verdict
from avfake.web.config import ServeConfig

SAMPLE = "sample.mp4"
SAMPLE_SECONDS = 4.0


@dataclass(frozen=True)
class Job:
    """A file to answer for, alone in a folder of its own."""

    folder: Path
    name: str
    """Name of the file in the folder, as its sender called it but for characters that are left
    out."""


@dataclass(frozen=True)
class WarmUp:
    """A job without a file: load the detector, and generate the sample into a folder."""

    folder: Path


@dataclass(frozen=True)
class Answer:
    """What is shown, and sent, for one file."""

    name: str
    sentence: str
    """The verdict, or why there is none."""
    verdict: Verdict
    document: str
    """The report as JSON (report.schema.json of avfake.report)."""
    page: str = ""
    """The report as HTML; empty where none could be made."""
    pdf: bytes = b""
    """The report as PDF; empty where no browser is there to print it."""


@dataclass(frozen=True)
class Refusal:
    """A mistake of whoever started the server, in words."""

    words: str


Found = Answer | Refusal
Pool = StandingPool[Job | WarmUp, Found]


def start_pool(config: ServeConfig) -> Pool:
    """Start the workers; they load the detector with their first job."""
    answer = partial(answer_one, config.detector, config.combine, limits=config.of_file)
    limits = config.of_file
    return StandingPool(
        answer, workers=config.workers, time_limit_seconds=limits.seconds, limits=limits
    )


def answer_one(
    names: tuple[str, ...],
    combine: str,
    job: Job | WarmUp,
    *,
    limits: Limits,
    tell: Callable[[str], None],
) -> Found:
    """Return the answer for one file.

    Args:
        names, combine: as for `Detector.from_pretrained`
        limits: what the file may take
        tell: is called with the words of each step
    """
    try:
        if not _detector.cache_info().currsize:
            tell("loading the detector")
        _detector(names, combine)
        require("captum", "web")
    except AvfakeError as error:
        return Refusal(str(error))
    with _inside(job.folder), limited(limits):
        if isinstance(job, WarmUp):
            return _make_sample()
        return _answer(names, combine, job.name, tell)


def failed(name: str, failure: Failure) -> Answer:
    """Return the answer for a file at which the worker ended or took too long."""
    return _without_page(name, Reason("file", failure.code, failure.detail))


@lru_cache(maxsize=1)
def _detector(names: tuple[str, ...], combine: str):  # type: ignore[no-untyped-def]  # torch is slow
    from avfake.detector import Detector

    return Detector.from_pretrained(names, combine=combine)


@contextmanager
def _inside(folder: Path) -> Iterator[None]:
    """Work in a folder: the file is then named without it, which is no one's concern."""
    before = os.getcwd()  # noqa: PTH109 - a text is all that is needed
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _answer(
    names: tuple[str, ...],
    combine: str,
    name: str,
    tell: Callable[[str], None],
) -> Answer:
    from avfake.detector import PredictOptions
    from avfake.media import probe
    from avfake.report import collect_evidence, sentence, to_json, write_evidence

    options = PredictOptions(limits=current())
    tell("reading the file")
    try:
        probe(name)
    except MediaError as error:  # the report says why a file cannot be read
        if error.reason.code == "too_long":
            return _without_page(name, error.reason)
    evidence = collect_evidence(name, _detector(names, combine), options, tell)
    tell("writing the report")
    Path("out").mkdir()
    page, pdf = Path("out", "report.html"), Path("out", "report.pdf")
    write_evidence(evidence, page)
    if evidence.verdict.p_fake is not None:
        with suppress(ConfigError):  # no browser that could print it
            write_evidence(evidence, None, pdf)
    return Answer(
        name,
        sentence(evidence.verdict),
        evidence.verdict,
        to_json(evidence),
        page.read_text(encoding="utf-8"),
        pdf.read_bytes() if pdf.exists() else b"",
    )


def _without_page(name: str, reason: Reason) -> Answer:
    from avfake.report import Evidence, sentence, to_json

    verdict = Verdict.failed(name, reason)
    return Answer(name, sentence(verdict), verdict, to_json(Evidence(verdict)))


def _make_sample() -> Answer:
    """Write a clip of the studio in which the face is forged."""
    from avfake.studio import StudioConfig, build_studio

    config = StudioConfig(num_clips=2, seconds=SAMPLE_SECONDS, seed=3, difficulty=0.0)
    if not Path(SAMPLE).is_file():
        clips = build_studio("studio", config, workers=0, show_progress=False)
        forged = next(clip for clip in clips if clip.label)
        Path("studio", forged.filename).replace(SAMPLE)
        shutil.rmtree("studio")
    return Answer(SAMPLE, "", Verdict.failed(SAMPLE), "{}")
