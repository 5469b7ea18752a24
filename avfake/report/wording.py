"""The answer in words: for the head of a page, to be quoted, and segment by segment."""

from dataclasses import dataclass

from avfake import __version__
from avfake.calibration import FEATURES
from avfake.evaluation import Interval
from avfake.labels import Part
from avfake.report.excerpt import CardExcerpt
from avfake.verdict import Contribution, Segment, Verdict

UNREAD = {"file_missing", "unreachable", "empty_file", "not_media", "decode_error"}
"""Reasons that a file could not be read, as opposed to one that has nothing to assess."""
TITLES = {"overall": "Anything forged", "face": "Face forged", "voice": "Voice forged"}
LEVELS = (
    *((0.05, "very unlikely"), (0.35, "unlikely"), (0.65, "open"), (0.95, "likely")),
    (float("inf"), "very likely"),
)
SHORT_SEGMENT_SECONDS = 3.0
"""The times of a shorter one have a decimal."""


@dataclass(frozen=True)
class SpokenSegment:
    """A segment that stands out, and the words for it."""

    part: Part
    person_id: int | None
    segment: Segment
    is_forged: bool
    """Whether it is taken to be forged, or merely stands out."""

    @property
    def words(self) -> str:
        """Return for example "0:03 to 0:05: face of person 1 looks forged"."""
        whose = "the voice" if self.person_id is None else f"face of person {self.person_id}"
        what = "looks forged" if self.is_forged else "stands out, but is not taken to be forged"
        return f"{span(self.segment)}: {whose} {what}"


def percent(share: float, digits: int = 0) -> str:
    """Return a share in words, never broken over two lines."""
    return f"{100 * share:.{digits}f}\N{NO-BREAK SPACE}%"


def clock(seconds: float, digits: int = 0) -> str:
    """Return a time as 0:03, 12:00 or 1:02:03, with decimals if asked for."""
    steps = round(max(0.0, seconds) * 10**digits)
    whole, rest = divmod(steps, 10**digits)
    hours, minutes = divmod(whole // 60, 60)
    decimals = f".{rest:0{digits}d}" if digits else ""
    start = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{start}:{whole % 60:02d}{decimals}"


def span(segment: Segment) -> str:
    """Return the times of a segment, such as 0:03 to 0:05."""
    is_short = segment.end_seconds - segment.start_seconds < SHORT_SEGMENT_SECONDS
    digits = 1 if is_short else 0
    return f"{clock(segment.start_seconds, digits)} to {clock(segment.end_seconds, digits)}"


def spoken_segments(verdict: Verdict) -> tuple[SpokenSegment, ...]:
    """Return all segments in order of time; none where the decision is genuine."""
    if verdict.decision == "real":
        return ()
    is_forged = {"face": verdict.is_about("face"), "voice": verdict.is_about("voice")}
    found = [
        SpokenSegment("face", person.person_id, segment, is_forged["face"])
        for person in verdict.persons
        for segment in person.segments
    ]
    found += [
        SpokenSegment("voice", None, segment, is_forged["voice"])
        for segment in verdict.voice_segments
    ]
    return tuple(sorted(found, key=lambda one: one.segment.start_seconds))


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


def quote(verdict: Verdict, card: CardExcerpt, name: str) -> str:
    """Return one sentence that can be quoted alone: the answer, how sure it is, and how often such
    an answer is wrong.

    name: of the file, as readers are to see it
    """
    who = f"The automatic detector avfake {__version__}"
    if verdict.p_fake is None:
        return f"{who} gave no answer on “{name}”: {_why_no_answer(verdict)}."
    decided = {
        "fake": "calls the file forged",
        "real": "calls the file genuine",
        "unsure": "leaves open whether the file is forged",
    }[verdict.decision]
    assumed = ""
    if verdict.prior is not None:
        assumed = f", if {100 * verdict.prior:.3g} of 100 such files are forged"
    return (
        f"{who} puts the probability that the {_assessed(verdict)} in “{name}” was forged at "
        f"{percent(verdict.p_fake, 1)}{assumed}, and {decided}; {_how_often_wrong(verdict, card)}, "
        "so that this is an indication, not a proof."
    )


def _assessed(verdict: Verdict) -> str:
    """Return the parts that the probability is about: what was not assessed is not claimed."""
    parts = {"face": verdict.p_face_fake, "voice": verdict.p_voice_fake}
    known = [part for part, p in parts.items() if p is not None]
    return " or the ".join(known or parts)


def _why_no_answer(verdict: Verdict) -> str:
    return _not_assessed(verdict).removesuffix(".").replace("This file", "the file", 1)


def _how_often_wrong(verdict: Verdict, card: CardExcerpt) -> str:
    """Return the false-alarm rate, and for "genuine" the share of fakes that were missed so."""
    point, rates = verdict.operating_point, card.rates
    if rates is None and point is None:
        return "how often it calls a genuine file forged is not known"
    if rates is None:
        assert point is not None
        return (
            f"its threshold was chosen so that {100 * point.false_alarm_rate:.3g} % of genuine "
            "files would be called forged by mistake, which no test has confirmed"
        )
    alarms = rates.false_alarms
    words = (
        f"{card.tested_on} it wrongly called {_interval(alarms)} of the genuine files forged "
        "(95 % interval in brackets)"
    )
    if verdict.decision == "real":
        missed = max(0.0, 1 - rates.found.value - rates.unsure_fake.value)
        words += f" and {percent(missed, 1)} of the forged ones genuine"
    return words


def _interval(one: Interval) -> str:
    bounds = f"{100 * one.low:.0f} to {100 * one.high:.0f}"
    return f"{percent(one.value, 1)} ({bounds}\N{NO-BREAK SPACE}%)"


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
    word = next(word for limit, word in LEVELS if p_fake < limit)
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
