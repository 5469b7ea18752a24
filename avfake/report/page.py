"""One HTML page about one file: no network, no script, everything that was given escaped."""

import platform
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

from avfake import __version__
from avfake.calibration import FEATURES
from avfake.detector import Detector, PredictOptions
from avfake.labels import COLUMNS
from avfake.report import pictures
from avfake.report.evidence import Evidence, collect_evidence, say_nothing
from avfake.report.timelines import HEIGHT, WIDTH, band_ticks, percent, ticks, timelines
from avfake.storage import Output, as_path, write_whole
from avfake.verdict import Contribution, Verdict

LIBRARIES = ("torch", "timm", "av", "lightgbm", "captum")
ENDINGS = (".html", ".htm")
MARK = b'<meta name="generator" content="avfake'
"""Shows that avfake wrote the page, so that it may be replaced."""
UNREAD = {"file_missing", "unreachable", "empty_file", "not_media", "decode_error"}
"""Reasons that a file could not be read, as opposed to one that has nothing to assess."""
TITLES = {"overall": "Anything forged", "face": "Face forged", "voice": "Voice forged"}


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
    # A file name need not be text: what is none is shown by its codes.
    write_whole(out, render_page(evidence).encode(errors="backslashreplace"))
    return evidence.verdict


def render_page(evidence: Evidence) -> str:
    """Return the page as text."""
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
        probabilities={
            title: getattr(verdict, COLUMNS[output].probability) for output, title in TITLES.items()
        },
        in_words=in_words,
        answers=answers(verdict),
        over_time=timelines(verdict),
        width=WIDTH,
        height=HEIGHT,
        evidence=evidence,
        hottest=max((float(face.heat.max()) for face in evidence.faces), default=0.0),
        most_salient=max((float(abs(one.saliency).max()) for one in evidence.voice), default=0.0),
        pictures=pictures,
        percent=percent,
        ticks=ticks,
        band_ticks=band_ticks,
        versions=_versions(),
    )


def sentence(verdict: Verdict) -> str:
    """Return the verdict in one sentence."""
    if verdict.p_fake is None:
        return _not_assessed(verdict)
    probability = (
        f"the probability that its face or voice was forged is {percent(verdict.p_fake, 1)}"
    )
    opening = {
        "fake": "This file is taken to be forged",
        "real": "This file is taken to be genuine",
        "unsure": "The detector cannot tell whether this file is forged",
    }[verdict.decision]
    return f"{opening}: {probability}."


def _not_assessed(verdict: Verdict) -> str:
    """Return why there is no answer; first whether the file could be read at all."""
    is_unread = any(one.part == "file" and one.code in UNREAD for one in verdict.reasons)
    why = "; ".join(one.sentence.removeprefix("file: ") for one in verdict.reasons)
    opening = f"This file could not be {'read' if is_unread else 'assessed'}"
    return f"{opening}: {why}." if why else f"{opening}."


def decision(verdict: Verdict) -> str:
    """Return the decision and the rule that led to it."""
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
    """Return a probability and what it means."""
    if p_fake is None:
        return "not assessed"
    levels = [(0.05, "very unlikely"), (0.35, "unlikely"), (0.65, "open"), (0.95, "likely")]
    word = next((word for limit, word in levels if p_fake < limit), "very likely")
    return f"{percent(p_fake, 1)}, {word}"


def answers(verdict: Verdict) -> list[tuple[str, str, list[tuple[str, str, str]]]]:
    """Return, for each answer that has contributions, its title, its rule and rows of them.

    A row has the meaning of a feature, its value, and what it added.
    """
    found: dict[str, list[Contribution]] = {}
    for one in verdict.contributions:
        found.setdefault(one.output, []).append(one)
    return [
        (TITLES[output], _made_by(output, listed[0].by, verdict), list(map(_row, listed)))
        for output, listed in found.items()
    ]


def _row(one: Contribution) -> tuple[str, str, str]:
    value = "missing" if one.value is None else f"{one.value:.3g}"
    return FEATURES[one.feature], value, f"{one.logit:+.2f}"


def _made_by(output: str, by: str, verdict: Verdict) -> str:
    higher = "; of face and voice the higher one counts" if output == "overall" else ""
    words = {
        "stacker": "a sum over many features, of which the strongest are shown",
        "fused": "what the network that sees picture and sound together said, and nothing else",
    }.get(by, f"the score by the rule {by!r}, and nothing else{higher}")
    # Under another prior a part may also have been lowered to the whole.
    is_trained_prior = verdict.prior == verdict.trained_prior
    parts = {verdict.p_face_fake, verdict.p_voice_fake} - {None}
    if output == "overall" and is_trained_prior and verdict.p_fake in parts:
        words += "; the answer was raised to that of its more suspicious part, which is higher"
    return words


def _versions() -> str:
    found = [f"avfake {__version__}", f"Python {platform.python_version()}"]
    return ", ".join(found + [f"{name} {metadata.version(name)}" for name in LIBRARIES])
