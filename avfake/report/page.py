"""One HTML page about one file: no network, no script, everything that was given escaped."""

import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from avfake import __version__
from avfake.detector import Detector, PredictOptions
from avfake.report import pictures
from avfake.report.axes import band_ticks, ticks
from avfake.report.contributions import answers
from avfake.report.evidence import Evidence, collect_evidence
from avfake.report.explain.types import Explanation
from avfake.report.timelines import HEIGHT, WIDTH, percent, timelines
from avfake.storage import as_path, check_file, check_mark, write_whole
from avfake.verdict import Verdict

LIBRARIES = ("torch", "timm", "av", "lightgbm", "captum")
ENDINGS = (".html", ".htm")
MARK = b'<meta name="generator" content="avfake'
"""Shows that avfake wrote the page, so that it may be replaced."""


def check_page(path: str | Path, out: Path) -> None:
    """Raise ConfigError if the page cannot be written to `out`, or would replace another file."""
    check_file(out, what="page", endings=ENDINGS, inputs=[as_path(path)])
    check_mark(out, MARK)


def write_report(
    path: str | Path, detector: Detector, out: Path, options: PredictOptions | None = None
) -> Verdict:
    """The verdict on a file, written as a page to `out`; also for a file that cannot be read.

    ConfigError as `check_page`.
    """
    check_page(path, out)
    evidence = collect_evidence(path, detector, options)
    # A file name need not be text: what is none is shown by its codes.
    write_whole(out, render_page(evidence).encode(errors="backslashreplace"))
    return evidence.verdict


def render_page(evidence: Evidence) -> str:
    """The page as text."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("avfake.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    verdict = evidence.verdict
    return environment.get_template("page.html").render(
        verdict=verdict,
        sentence=sentence(verdict),
        decision=decision(verdict),
        probabilities=[
            ("Anything forged", in_words(verdict.p_fake)),
            ("Face forged", in_words(verdict.p_face_fake)),
            ("Voice forged", in_words(verdict.p_voice_fake)),
        ],
        answers=answers(verdict),
        over_time=timelines(verdict),
        width=WIDTH,
        height=HEIGHT,
        crops=_crops(evidence.explanation),
        windows=_windows(evidence.explanation),
        evidence=evidence,
        versions=_versions(),
    )


def sentence(verdict: Verdict) -> str:
    """The verdict in one sentence."""
    if verdict.p_fake is None:
        return "This file could not be assessed."
    said = f"the probability that its face or voice was forged is {percent(verdict.p_fake, 1)}"
    opening = {
        "fake": "This file is taken to be forged",
        "real": "This file is taken to be genuine",
        "unsure": "The detector cannot tell whether this file is forged",
    }[verdict.decision]
    return f"{opening}: {said}."


def decision(verdict: Verdict) -> str:
    """The decision and the rule that led to it."""
    if verdict.p_fake is None:
        return "none"
    point = verdict.operating_point
    if point is None:
        return verdict.decision
    rate = f"{100 * point.false_alarm_rate:.3g} %"
    return (
        f"{verdict.decision}; fake needs more than {100 * point.threshold:.3g} %, a threshold at "
        f"which {rate} of genuine files are expected to be called fake by mistake; "
        f"less than {percent(point.confidence)} confidence either way is unsure"
    )


def in_words(p_fake: float | None) -> str:
    """A probability and what it means."""
    if p_fake is None:
        return "not assessed"
    levels = [(0.05, "very unlikely"), (0.35, "unlikely"), (0.65, "open"), (0.95, "likely")]
    word = next((word for limit, word in levels if p_fake < limit), "very likely")
    return f"{percent(p_fake, 1)}, {word}"


def _crops(explanation: Explanation | None) -> list[dict[str, str]]:
    faces = explanation.faces if explanation else ()
    strongest = max((float(face.heat.max()) for face in faces), default=0.0)
    return [
        {
            "plain": pictures.crop_uri(face.crop),
            "heat": pictures.heat_uri(face.crop, face.heat, strongest=strongest),
            "title": f"Face of person {face.person_id} at {face.seconds:.2f} s",
            "words": f"score {percent(face.score)}, weight {percent(face.share)}",
        }
        for face in faces
    ]


def _windows(explanation: Explanation | None) -> list[dict[str, Any]]:
    voice = explanation.voice if explanation else ()
    strongest = max((float(abs(window.saliency).max()) for window in voice), default=0.0)
    return [
        {
            "picture": pictures.spectrogram_uri(
                window.spectrogram, window.saliency, strongest=strongest
            ),
            "title": f"Sound from {window.start_seconds:.2f} to {window.end_seconds:.2f} s"
            + f", without pauses of {window.pause_seconds:.2f} s" * (window.pause_seconds > 0.1),
            "words": f"score {percent(window.score)}, weight {percent(window.share)}",
            "seconds": ticks(window.start_seconds, window.end_seconds - window.pause_seconds, "s"),
            "hertz": band_ticks(window.band_hz),
        }
        for window in voice
    ]


def _versions() -> str:
    found = [f"avfake {__version__}", f"Python {platform.python_version()}"]
    return ", ".join(found + [f"{name} {metadata.version(name)}" for name in LIBRARIES])
