"""The answer for one file: probabilities, a decision, and why a part was not assessed."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass

from avfake import config as settings
from avfake.errors import NOTHING_LOST, UNREADABLE, ConfigError, Reason
from avfake.labels import COLUMNS, PARTS, Decision, OperatingPoint, Output, Part, Status

BY_CHOICE = {"disabled", "not_trained", "skipped"}
"""Reasons that do not lie in the file: they do not change its status."""

PART_WORDS: Mapping[Decision, str] = {
    "fake": "is forged",
    "real": "shows no sign of forgery",
    "unsure": "could not be told",
}
"""Decision on a part -> the words for it."""


@dataclass(frozen=True)
class Segment:
    """A segment of time with one score, such as one in which a face or the voice is forged."""

    start_seconds: float
    end_seconds: float
    score: float
    """Mean score over its time; uncalibrated, for ranking segments."""

    def __str__(self) -> str:
        return f"{self.start_seconds:.1f}-{self.end_seconds:.1f} s"


@dataclass(frozen=True)
class FaceScore:
    """One face in one frame."""

    seconds: float
    box: tuple[float, float, float, float]
    """x0, y0, x1, y1 in pixels of the displayed frame."""
    p_fake: float


@dataclass(frozen=True)
class Person:
    """One face followed through the video."""

    person_id: int
    p_face_fake: float
    """Mean over the frames of this person; uncalibrated, for comparing persons of one file."""
    frames: tuple[FaceScore, ...]
    segments: tuple[Segment, ...] = ()
    """When this face is forged, in order of time."""


@dataclass(frozen=True)
class VoiceScore:
    """One window of sound."""

    start_seconds: float
    end_seconds: float
    p_fake: float


@dataclass(frozen=True)
class Contribution:
    """What one feature adds to the logit of one output, before calibration."""

    output: Output
    feature: str
    """A column of `calibration.FEATURES`, where its meaning is given."""
    value: float | None
    """None where the feature is missing, which can count, too."""
    logit: float
    """Above 0 it is evidence of a forgery, below 0 against; 0: read, but another score counted."""
    by: str
    """What made the sum: "stacker", or the baseline that was kept, such as "fused"."""

    def __str__(self) -> str:
        return f"{self.feature} {self.logit:+.2f}"


@dataclass(frozen=True)
class Spent:
    """What was looked at for an answer."""

    frames: int = 0
    """Frames that were decoded and searched for faces."""
    crops: int = 0
    """Face crops that passed the visual branch."""
    windows: int = 0
    """Windows of sound that passed the audio branch."""


@dataclass(frozen=True)
class Verdict:
    """The answer for one file. 1 = fake in every probability; None = could not be assessed."""

    file: str
    decision: Decision
    p_fake: float | None
    p_face_fake: float | None
    p_voice_fake: float | None
    status: Status
    reasons: tuple[Reason, ...] = ()
    persons: tuple[Person, ...] = ()
    voice: tuple[VoiceScore, ...] = ()
    operating_point: OperatingPoint | None = None
    detector: str = ""
    """Name and hash of the bundle that answered."""
    voice_segments: tuple[Segment, ...] = ()
    """When the voice is forged, in order of time."""
    prior: float | None = None
    """Share of files taken to be forged before one is examined: `trained_prior`, unless another
    was given. None where unknown."""
    trained_prior: float | None = None
    """Share of fakes among what the detector was calibrated on."""
    contributions: tuple[Contribution, ...] = ()
    """The strongest of each output, strongest first; none for an ensemble, whose members have their
    own. "overall" before it was raised to the larger of its parts."""
    face_decision: Decision | None = None
    """Decision on the face alone; None where it was not assessed. "fake" only in a file that is
    called fake."""
    voice_decision: Decision | None = None
    """Decision on the voice alone, likewise."""
    spent: Spent = Spent()
    """What was looked at; the largest numbers of any member of an ensemble."""

    def __post_init__(self) -> None:
        for name, _ in COLUMNS.values():
            value = getattr(self, name)
            if value is not None and not 0.0 <= value <= 1.0:
                raise ValueError(f"{name} is {value}; a probability lies in [0, 1]")
        if self.p_fake is None and self.decision != "unsure":
            raise ValueError(f"decision is {self.decision!r} without a probability")

    @classmethod
    def failed(cls, file: object, *reasons: Reason, detector: str = "") -> "Verdict":
        """Return the verdict on a file that could not be assessed at all."""
        return cls(str(file), "unsure", None, None, None, "failed", reasons, detector=detector)

    @property
    def suspect(self) -> Person | None:
        """The person with the highest face score; None without faces."""
        return max(self.persons, key=lambda person: person.p_face_fake, default=None)

    def is_about(self, part: Part) -> bool:
        """Return whether a decision of "fake" is about this part: it is above the threshold for the
        whole, or the more suspicious of the two. A genuine face has high scores at times, too."""
        p_parts = {"face": self.p_face_fake, "voice": self.p_voice_fake}
        p_part = p_parts[part]
        if self.decision != "fake" or p_part is None:
            return False
        point = self.operating_point
        is_worst = p_part == max(p for p in p_parts.values() if p is not None)
        return is_worst or (point is not None and p_part > point.threshold)

    def __str__(self) -> str:
        if self.p_fake is None:
            return self._unanswered()
        parts = [
            f"{name} {_percent(value)}"
            for name, value in [("face", self.p_face_fake), ("voice", self.p_voice_fake)]
        ]
        lines = [
            f"{self.file}: {self.decision} (probability of forgery {_percent(self.p_fake)}; "
            f"{', '.join(parts)})"
        ]
        if self.prior is not None and self.prior != self.trained_prior:
            lines.append(f"  probabilities for a world in which {100 * self.prior:g} % are forged")
        if self.decision != "real":
            lines += [f"  {line}" for line in (*self._parts(), *self._forged_when())]
        lines += [f"  {reason.sentence}" for reason in self.reasons]
        return "\n".join(lines)

    def _unanswered(self) -> str:
        """Return a line that begins with what went wrong, then the file and why."""
        is_unread = any(one.part == "file" and one.code in UNREADABLE for one in self.reasons)
        why = [
            reason.sentence.removeprefix("file: ") if is_unread else reason.sentence
            for reason in self.reasons
        ]
        begin = "unreadable" if is_unread else "not assessed"
        return ": ".join([begin, self.file, *(["; ".join(why)] if why else [])])

    def _parts(self) -> list[str]:
        """Return what can be said of face and voice, where that differs."""
        decisions = {"face": self.face_decision, "voice": self.voice_decision}
        found = {part: one for part, one in decisions.items() if one is not None}
        if len(found) < 2:
            return []
        return ["; ".join(f"the {part} {PART_WORDS[one]}" for part, one in found.items())]

    def _forged_when(self) -> list[str]:
        words = {part: "forged" if self.is_about(part) else "stands out at" for part in PARTS}
        whose = [
            (f"face of person {one.person_id} {words['face']}", one.segments)
            for one in self.persons
        ]
        whose.append((f"voice {words['voice']}", self.voice_segments))
        lines = [f"{what} {', '.join(map(str, segments))}" for what, segments in whose if segments]
        if self.suspect and len(self.persons) > 1:
            score = _percent(self.suspect.p_face_fake)
            lines.append(
                f"most suspicious of {len(self.persons)} persons: "
                f"person {self.suspect.person_id} (score {score})"
            )
        return lines

    def to_json(self) -> str:
        """Return the verdict as a JSON text; `from_json` gives it back unchanged."""
        return json.dumps(asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> "Verdict":
        """Read the verdict that `to_json` wrote; ConfigError for anything else."""
        try:
            return settings.from_dict(cls, json.loads(text))
        except (ValueError, RecursionError) as error:
            raise ConfigError(f"this is no verdict of avfake: {error}") from error


def status_of(p_fake: float | None, reasons: Iterable[Reason]) -> Status:
    """Return failed without a probability, partial where a reason lies in the file, else ok."""
    if p_fake is None:
        return "failed"
    harmless = BY_CHOICE | NOTHING_LOST
    return "partial" if any(reason.code not in harmless for reason in reasons) else "ok"


def _percent(value: float | None) -> str:
    return "not assessed" if value is None else f"{100 * value:.1f} %"
