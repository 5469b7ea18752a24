"""What summed up to each answer, in words and numbers for the page."""

from dataclasses import dataclass

from avfake.calibration import FEATURES
from avfake.verdict import Contribution, Verdict

_TITLES = {"overall": "Anything forged", "face": "Face forged", "voice": "Voice forged"}


@dataclass(frozen=True)
class Answer:
    """One answer and what it is made of."""

    title: str
    made_by: str
    rows: tuple[tuple[str, str, str], ...]
    """What it is, its value, what it added."""


def answers(verdict: Verdict) -> list[Answer]:
    """One for each answer that has contributions."""
    found: dict[str, list[Contribution]] = {}
    for one in verdict.contributions:
        found.setdefault(one.output, []).append(one)
    return [
        Answer(
            _TITLES[output],
            _made_by(output, listed[0].by, verdict),
            tuple((FEATURES[one.feature], _value(one), f"{one.logit:+.2f}") for one in listed),
        )
        for output, listed in found.items()
    ]


def _made_by(output: str, by: str, verdict: Verdict) -> str:
    words = {
        "stacker": "a sum over many features, of which the strongest are shown",
        "fused": "what the network that sees picture and sound together said, and nothing else",
    }.get(by, f"the score by the rule {by!r}, and nothing else" + _higher(output))
    if output == "overall" and _was_raised(verdict):
        words += "; the answer was raised to that of its more suspicious part, which is higher"
    return words


def _was_raised(verdict: Verdict) -> bool:
    parts = [p for p in (verdict.p_face_fake, verdict.p_voice_fake) if p is not None]
    # Under another prior a part may also have been lowered to the whole.
    return verdict.prior == verdict.trained_prior and verdict.p_fake in parts


def _higher(output: str) -> str:
    return "; of face and voice the higher one counts" if output == "overall" else ""


def _value(one: Contribution) -> str:
    return "missing" if one.value is None else f"{one.value:.3g}"
