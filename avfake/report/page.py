"""One HTML page about one file: no network, everything that was given escaped.

The page is whole without its script, which only ties timelines to the preview. The page's own
policy lets that one script run, named by its hash, and nothing else.
"""

import base64
import hashlib
from functools import cache
from pathlib import Path

from markupsafe import Markup

from avfake.evaluation import Interval
from avfake.labels import COLUMNS
from avfake.report import pictures
from avfake.report.document import file_name, versions
from avfake.report.evidence import Evidence
from avfake.report.limits import limits
from avfake.report.preview import PICTURE_SECONDS
from avfake.report.timelines import HEIGHT, WIDTH, band_ticks, ticks, timelines
from avfake.report.wording import (
    TITLES,
    answers,
    clock,
    decision,
    in_words,
    percent,
    quote,
    sentence,
    spoken_segments,
)
from avfake.verdict import Verdict

STAMPS = {
    "fake": ("\N{BALLOT X}", "TAKEN TO BE FORGED"),
    "real": ("\N{CHECK MARK}", "TAKEN TO BE GENUINE"),
    "unsure": ("?", "UNSURE"),
    "none": ("\N{EN DASH}", "NO ANSWER"),
}


def render_page(evidence: Evidence) -> str:
    """Return the page as text."""
    verdict = evidence.verdict
    sign, stamp = STAMPS["none" if verdict.p_fake is None else verdict.decision]
    return render_template(
        "page.html",
        verdict=verdict,
        name=file_name(verdict.file),
        sign=sign,
        stamp=stamp,
        sentence=sentence(verdict),
        quote=quote(verdict, evidence.card, file_name(verdict.file)),
        decision=decision(verdict),
        probabilities=_probabilities(verdict),
        segments=spoken_segments(verdict),
        answers=answers(verdict),
        over_time=timelines(verdict, evidence.examined.seconds),
        width=WIDTH,
        height=HEIGHT,
        limits=limits(evidence),
        evidence=evidence,
        preview=evidence.preview,
        picture_seconds=PICTURE_SECONDS,
        hottest=max((float(face.heat.max()) for face in evidence.faces), default=0.0),
        most_salient=max((float(abs(one.saliency).max()) for one in evidence.voice), default=0.0),
        pictures=pictures,
        in_words=in_words,
        percent=percent,
        interval=_interval,
        clock=clock,
        ticks=ticks,
        band_ticks=band_ticks,
        versions=", ".join(f"{name} {version}" for name, version in versions().items()),
    )


def render_template(template: str, **values: object) -> str:
    """Return a page from a template of this package, its style and its script in it.

    Of page.html, those are page.css and page.js; the template gets them, and the hash of the script
    for the policy of the page.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("avfake.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    script = _part(template, ".js")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return environment.get_template(template).render(
        style=Markup(_part(template, ".css")),  # noqa: S704 - both are files of this package
        script=Markup(script),  # noqa: S704
        script_hash=f"sha256-{digest}",
        **values,
    )


@cache
def _part(name: str, ending: str) -> str:
    return Path(__file__).with_name(name).with_suffix(ending).read_text(encoding="utf-8")


def _probabilities(verdict: Verdict) -> dict[str, float | None]:
    return {
        title: getattr(verdict, COLUMNS[output].probability) for output, title in TITLES.items()
    }


def _interval(one: Interval) -> str:
    return f"{100 * one.value:.1f} [{100 * one.low:.0f}, {100 * one.high:.0f}]"
