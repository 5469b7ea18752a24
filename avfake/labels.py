"""The outputs of a detector and the labels of a file, declared once. 1 = fake everywhere."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

Part = Literal["face", "voice"]
PARTS: tuple[Part, ...] = ("face", "voice")
Output = Literal["overall", "face", "voice"]
OUTPUTS: tuple[Output, ...] = ("overall", *PARTS)
"""Order of the columns of a model's logits, and of labels and weights in a batch."""
Modality = Literal["whole", "picture", "sound"]
MODALITIES: tuple[Modality, ...] = ("whole", "picture", "sound")
"""The assessed part of a clip: all of it, its picture alone, its sound alone."""
Status = Literal["ok", "partial", "failed"]
Decision = Literal["real", "fake", "unsure"]
DEFAULT = "default"
"""Name of the detector that ships with avfake; a folder of that name is ./default."""


class Columns(NamedTuple):
    """Names of the two columns that a table has for one output."""

    probability: str
    label: str


COLUMNS: Mapping[str, Columns] = {
    "overall": Columns("p_fake", "label"),
    "face": Columns("p_face_fake", "face_fake"),
    "voice": Columns("p_voice_fake", "voice_fake"),
}


class Labels(NamedTuple):
    """One number for each output: labels, or the weights of labels in the loss."""

    overall: float = 0.0
    face: float = 0.0
    voice: float = 0.0


class ForgedSegment(NamedTuple):
    """A segment of a file that is known to be forged."""

    start_seconds: float
    end_seconds: float
    stream: str
    """ "face", "voice" or "both"."""

    def __str__(self) -> str:
        """Return the segment as it is written in tables: `1.2:1.9:face`."""
        return f"{self.start_seconds}:{self.end_seconds}:{self.stream}"


@dataclass(frozen=True)
class OperatingPoint:
    """How probabilities become a decision."""

    threshold: float
    """p_fake above this may be called fake."""
    false_alarm_rate: float
    """Share of genuine clips expected above the threshold, on out-of-fold material."""
    confidence: float
    """Coverage level of the conformal set {real, fake}; both or none in it reads as unsure."""
