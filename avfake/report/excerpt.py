"""What a report says of its detector: the first words of the model card, and its error rates."""

import re
from dataclasses import dataclass
from typing import Any

import yaml

from avfake.detector import Detector, facts
from avfake.evaluation import Interval
from avfake.labels import Modality

HEAD = re.compile(r"\A---\n(.*?)\n---\n", re.DOTALL)
"""The card data of the Hub, before the text."""
BOUNDS = re.compile(r"95 % interval ([\d.]+) to ([\d.]+)")
RATES = {
    "false_alarms": "false_alarm_rate",
    "found": "hit_rate",
    "unsure_genuine": "unsure_rate_genuine",
    "unsure_fake": "unsure_rate_fake",
}
"""Field of `Rates` -> its name in the card data."""
ESCAPED = re.compile(r"\\([^\w\s])")
EMPHASISED = re.compile(r"(?<!\\)\*+")
MAX_CHARS = 1500


@dataclass(frozen=True)
class Rates:
    """Shares of genuine and of fake files that were called fake or left unsure, 0 to 1."""

    false_alarms: Interval
    found: Interval
    unsure_genuine: Interval
    unsure_fake: Interval


@dataclass(frozen=True)
class CardExcerpt:
    """What is known of a detector's quality."""

    summary: str = ""
    """First paragraph of the card as plain text; empty where there is no card."""
    rates: Rates | None = None
    tested_on: str = ""
    """Where the rates were measured, in words that begin a clause."""
    least_face_px: float | None = None
    """Least median side of a face that it was trained on."""


def read_excerpt(detector: Detector, modality: Modality = "whole") -> CardExcerpt:
    """Return the excerpt of a detector's card.

    Rates are those of the card, on test clips; without, those out of fold of the bundle, unless it
    is one of several.

    modality: what of the file was assessed
    """
    known = detector.members[0].facts if len(detector.members) == 1 else facts.BundleFacts()
    face_px = known.held_out.face_px
    summary = summary_of(detector.card)
    least = face_px.least if face_px else None
    if (rates := rates_of(detector.card)) is not None:
        return CardExcerpt(summary, rates, "on test files", least)
    if (found := known.held_out.decisions.get(modality)) is not None:
        rates = Rates(**{name: getattr(found, name) for name in RATES})
        return CardExcerpt(summary, rates, "on training files, each held out,", least)
    return CardExcerpt(summary, least_face_px=least)


def rates_of(card: str) -> Rates | None:
    """Return the rates in the card data of a model card; None where one is missing."""
    head = HEAD.match(card)
    try:
        data = yaml.safe_load(head[1]) if head else None
    except yaml.YAMLError:
        return None
    found = {one["type"]: one for one in _metrics(data)}
    intervals = {name: _interval(found.get(metric)) for name, metric in RATES.items()}
    known = {name: one for name, one in intervals.items() if one is not None}
    return Rates(**known) if len(known) == len(RATES) else None


def summary_of(card: str) -> str:
    """Return the first paragraph of a card as plain text; "" where there is none."""
    text = HEAD.sub("", card)
    paragraphs = [part.strip() for part in text.split("\n\n")]
    first = next((one for one in paragraphs if one and one[0] not in "#|-<"), "")
    plain = ESCAPED.sub(r"\1", EMPHASISED.sub("", " ".join(first.split())))
    return plain if len(plain) <= MAX_CHARS else plain[:MAX_CHARS] + " ..."


def _metrics(data: Any) -> list[dict[str, Any]]:
    """Return the metrics of all results in card data, whatever else it holds."""
    found: list[dict[str, Any]] = []
    models = data.get("model-index") if isinstance(data, dict) else None
    for model in models or []:
        for result in model.get("results") or []:
            found += [one for one in result.get("metrics") or [] if "type" in one]
    return found


def _interval(metric: dict[str, Any] | None) -> Interval | None:
    bounds = BOUNDS.search(str(metric.get("name", ""))) if metric else None
    if metric is None or bounds is None:
        return None
    return Interval(float(metric["value"]), float(bounds[1]), float(bounds[2]))
