"""The verbs about single files: `predict`, `report` and `annotate`.

In every file of verbs, packages are imported inside, because torch alone takes seconds and `--help`
should not.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import tyro

from avfake.cli.answers import print_all
from avfake.cli.flags import at_least, check_spread, choose, refuse_idle, report_flags
from avfake.cli.process import IN_PART, OK, print_aside
from avfake.errors import ConfigError
from avfake.labels import DEFAULT
from avfake.limits import Limits
from avfake.storage import as_path

if TYPE_CHECKING:
    from avfake.detector import PredictOptions


def predict(
    paths: Annotated[tuple[str, ...], tyro.conf.Positional],
    /,
    *,
    detector: Annotated[tuple[str, ...], tyro.conf.UseAppendAction] = (),
    combine: str | None = None,
    out: str | None = None,
    submission: str | None = None,
    report: Path | None = None,
    reports: int | None = None,
    requested: Path | None = None,
    fill: float | None = None,
    workers: int | None = None,
    engine: Literal["local", "ray"] = "local",
    ray_address: str | None = None,
    audio: bool = True,
    visual: bool = True,
    stacker: bool = True,
    sync: bool = True,
    prior: float | None = None,
    profile: Literal["fast", "balanced", "thorough"] = "balanced",
    limits: Limits = Limits(),  # noqa: B008 - it is frozen
    json: bool = False,
) -> int:
    """Compute the probability that the face or the voice in a file was forged.

    Exit code 1 if any file could not be assessed.

    Args:
        paths: Video or sound files, or folders or zip archives of them; each may be a URL
            (docs/remote.md).
        detector: Folder of a trained detector, or its name on the Hugging Face Hub; by default the
            one that comes with avfake; repeat it for several that answer together.
        combine: How several detectors become one: mean (the default), geometric_mean, ... (see
            avfake ensemble).
        out: Write a table of all answers here (.csv, or /dev/stdout). A run that was stopped goes
            on; what failed or has changed is scored again; rows of other files stay.
        submission: Write a competition submission here (filename,label), one row a file.
        report: Write a page with all answers into this folder: a table to sort and filter, with
            the command that makes the report of each file. Without --out, the table is scores.csv
            in this folder.
        reports: With --report, make the reports of so many files, the most suspicious first.
        requested: A sample_submission.csv that lists the files to answer for, in the one folder
            or zip archive given.
        fill: Label in the submission for a file that could not be assessed; by default 0.5.
        workers: Processes to use, with --out, --submission or --report; by default 1.
        engine: With --out, --submission or --report: the cores of this machine (local), or a Ray
            cluster.
        ray_address: Of a running Ray cluster; without it, one is started on this machine.
        audio: Use the sound (--no-audio: the picture alone).
        visual: Use the picture (--no-visual: the sound alone).
        stacker: Use the stacker (--no-stacker: the calibrated fusion head).
        sync: Compare lips with sound, where the detector was trained to.
        prior: Share of files taken to be forged before one is looked at, such as 0.01; by default
            that of the training data. Probabilities follow it, decisions do not change.
        profile: How much is spent on a file: fast leaves out what no longer matters, thorough reads
            twice as many frames where the answer is unsure.
        limits: What one file may take; past a limit, it has failed.
        json: Print each answer as one line of JSON, with its timelines; without --out.
    """
    if report is not None and out is None:
        out = str(report / "scores.csv")
    keeps = out is not None or submission is not None
    refuse_idle({"--reports": report is None and reports}, "add --report FOLDER")
    at_least(0, reports=reports)
    refuse_idle({"--json": keeps and json}, "the table is what is written; leave --json out")
    refuse_idle({"--fill": submission is None and fill}, "only --submission asks for a label")
    spread = {"--workers": workers, "--engine": engine == "ray", "--ray-address": ray_address}
    one_by_one = "without --out, --submission or --report, files are scored one by one"
    refuse_idle({} if keeps else spread, one_by_one)
    check_spread(workers, engine, ray_address)
    print_aside(out, submission)
    from avfake.detector import PredictOptions
    from avfake.scoring import find_files, iter_verdicts

    options = PredictOptions(audio, visual, stacker, sync, prior, profile, limits)
    if keeps:
        pool: dict[str, Any] = {"engine": engine, "ray_address": ray_address}
        pool["workers"] = 1 if workers is None else workers
        into: dict[str, Any] = {"out": out, "submission": submission, "fill": fill}
        into |= {"requested": requested, "pages": (report, reports or 0), "pool": pool}
        return _score(paths, detector, combine, options, **into)
    files = find_files(paths, requested)
    verdicts = iter_verdicts(files, choose(detector, combine), combine or "mean", options)
    return print_all(verdicts, total=len(files), as_json=json)


def _score(
    paths: Sequence[str],
    detector: Sequence[str],
    combine: str | None,
    options: "PredictOptions",
    *,
    requested: Path | None,
    pages: tuple[Path | None, int],
    pool: Mapping[str, Any],
    **into: Any,
) -> int:
    """Score files into a table, a submission and a page; return the exit code.

    Args:
        pages: folder of the page, and the number of reports to make
        pool: as of `score_files`
        into: out, submission and fill of `checked_files`
    """
    from avfake.detector import Detector
    from avfake.scoring import checked_files, score_files

    files, table = checked_files(paths, requested, **into)
    folder, number = pages
    if folder is not None:
        from avfake.report import check_dashboard

        check_dashboard(folder, [*files, *map(as_path, paths), table])
    chosen, rule = choose(detector, combine), combine or "mean"
    scores = score_files(files, chosen, table, combine=rule, options=options, **pool)
    print(scores)
    if into["submission"] is not None:
        print(scores.write_submission(into["submission"], into["fill"]))
    if folder is not None:
        from avfake.report import write_pages

        loaded = Detector.from_pretrained(chosen, combine=rule) if number else None
        flags = report_flags(detector, combine, options)
        for path in write_pages(scores, folder, flags, loaded, options=options, number=number):
            print(f"written: {path}", flush=True)
    return IN_PART if scores.failed else OK


def report(
    path: Annotated[str, tyro.conf.arg(metavar="FILE"), tyro.conf.Positional],
    /,
    *,
    out: Annotated[Path | None, tyro.conf.arg(metavar="PAGE.html")] = None,
    pdf: Annotated[Path | None, tyro.conf.arg(metavar="PAGE.pdf")] = None,
    detector: Annotated[
        tuple[str, ...], tyro.conf.arg(metavar="FOLDER"), tyro.conf.UseAppendAction
    ] = (),
    combine: str | None = None,
    audio: bool = True,
    visual: bool = True,
    prior: float | None = None,
    limits: Limits = Limits(),  # noqa: B008 - it is frozen
    json: bool = False,
) -> int:
    """Write a self-contained HTML page: the verdict on a file and its evidence.

    A sentence to quote, the video in small with scores over time for each face and for the voice,
    the faces and the sound with most weight and their heat maps, what the file says of itself. Exit
    code 1 if the file could not be assessed; the page then has the reason (docs/report.md).

    Args:
        path: A video or sound file; or its URL (docs/remote.md).
        out: The page to write (.html).
        pdf: The page as a PDF (.pdf), printed by Chromium, Chrome or Edge, which must be there.
        detector: Folder of a trained detector, or its name on the Hugging Face Hub; by default the
            one that comes with avfake; repeat it for several that answer together. The page names
            the one that explains faces and voice.
        combine: How several detectors become one: mean (the default), geometric_mean, ... (see
            avfake ensemble).
        audio: Use the sound (--no-audio: the picture alone).
        visual: Use the picture (--no-visual: the sound alone).
        prior: Share of files taken to be forged before one is looked at (see avfake predict).
        limits: What the file may take; past a limit, it has failed.
        json: Print the report as JSON, without pictures (docs/report.md has its schema).
    """
    from avfake.cli.reporting import ReportJob, make_report
    from avfake.detector import PredictOptions

    if out is None and pdf is None and not json:
        raise ConfigError("nothing to write: give --out PAGE.html, --pdf PAGE.pdf or --json")
    print_aside(out, pdf)
    options = PredictOptions(audio, visual, prior=prior, limits=limits)
    _check_source(path, "a report")
    chosen, rule = choose(detector, combine), combine or "mean"
    found = make_report(ReportJob(path, out, pdf, chosen, rule, options, as_json=json))
    print(found.text)
    return IN_PART if found.verdict.p_fake is None else OK


def annotate(
    path: Annotated[str, tyro.conf.Positional],
    /,
    *,
    out: Path,
    detector: str = DEFAULT,
    prior: float | None = None,
) -> int:
    """Write an evidence video: boxes around faces, scores over time, the sound kept.

    Args:
        path: The video.
        out: The video to write (.mp4).
        detector: Folder of a trained detector, or its name on the Hugging Face Hub; by default the
            one that comes with avfake.
        prior: Share of files taken to be forged before one is looked at (see avfake predict).
    """
    from avfake.detector import Detector, PredictOptions
    from avfake.report import annotate as write_annotated
    from avfake.report import check_evidence

    print_aside(out)
    options = PredictOptions(prior=prior)
    _check_source(path, "an evidence video")
    check_evidence(path, out)
    verdict = Detector.from_pretrained(choose([detector])).predict(path, options)
    print(verdict)
    write_annotated(path, verdict, out)
    print(f"written: {out}")
    return OK


def _check_source(path: str, what: str) -> None:
    """Raise ConfigError for a missing file or a folder."""
    file = as_path(path)
    if isinstance(file, str) or "!/" in path:
        return
    if not file.exists():
        raise ConfigError(f"{path} does not exist")
    if file.is_dir():
        raise ConfigError(
            f"{path} is a folder; {what} is about one file (avfake predict takes folders)"
        )
