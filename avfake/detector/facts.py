"""What a bundle states of its input, origin and measured quality; its card is made of it.

Everything has a default, so that a bundle which `avfake.training` did not make can be read, too.
"""

from dataclasses import dataclass, field
from typing import Any

from avfake.clips import InputSpec
from avfake.evaluation import Interval
from avfake.labels import Modality
from avfake.models import ModelConfig


@dataclass(frozen=True)
class SplitCounts:
    """Clips of one split."""

    genuine: int
    fake: int
    groups: int
    kinds: dict[str, int]
    """Kind of forgery (`forgery_kind`) -> clips."""


@dataclass(frozen=True)
class LabelCounts:
    """Training clips with one stream, by the label of that stream."""

    genuine: int = 0
    fake: int = 0
    assumed: int = 0
    """Unlabelled, and assumed to be fake."""
    unknown: int = 0


@dataclass(frozen=True)
class Environment:
    """Code and machine that a detector was trained with."""

    commit: str | None = None
    python: str = ""
    machine: str = ""
    packages: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class OutputQuality:
    """Out-of-fold metrics of one output; rows are clips, and copies with one stream hidden."""

    rows: int
    fake_share: float
    auc: Interval
    log_loss: Interval
    calibration_error: Interval


@dataclass(frozen=True)
class DecisionRates:
    """Shares of genuine and of fake clips that were called fake or left unsure."""

    genuine: int
    """Number of genuine clips."""
    fake: int
    """Number of fake clips."""
    false_alarms: Interval
    found: Interval
    unsure_genuine: Interval
    unsure_fake: Interval


@dataclass(frozen=True)
class DecisionQuality(DecisionRates):
    """Out-of-fold rates, and how often the conformal set of a clip holds its label."""

    real_covered: Interval
    fake_covered: Interval


@dataclass(frozen=True)
class FaceSides:
    """Median side of the face box over the clips, in pixels."""

    least: float
    median: float


@dataclass(frozen=True)
class HeldOut:
    """Quality on training clips, each scored by models that had not seen it."""

    outputs: dict[str, OutputQuality] = field(default_factory=dict)
    decisions: dict[Modality, DecisionQuality] = field(default_factory=dict)
    """Empty where there are too few groups to hold any out."""
    face_px: FaceSides | None = None


@dataclass(frozen=True)
class BundleFacts:
    """Data, settings, code and quality of a trained detector."""

    datasets: tuple[str, ...] = ()
    licences: dict[str, str | None] = field(default_factory=dict)
    """Dataset -> licence of its data, if it is known."""
    folders: tuple[str, ...] = ()
    num_clips: dict[str, int] = field(default_factory=dict)
    splits: dict[str, SplitCounts] = field(default_factory=dict)
    labels: dict[str, LabelCounts] = field(default_factory=dict)
    """Part (face, voice) -> labels of the training clips."""
    methods: dict[str, int] = field(default_factory=dict)
    """Forgery method of the training fakes -> clips."""
    one_class_folders: dict[str, str] = field(default_factory=dict)
    """Folder -> the only class that it trained."""
    split_hash: str = ""
    seed: int | None = None
    commit: str | None = None
    environment: Environment = field(default_factory=Environment)
    settings: dict[str, Any] = field(default_factory=dict)
    """The `TrainingConfig` as plain text."""
    held_out: HeldOut = field(default_factory=HeldOut)


@dataclass(frozen=True)
class BundleSettings:
    """The config.yaml of a bundle, which is written and read by `avfake.config`."""

    format: int
    avfake: str
    """Version that wrote the bundle."""
    input: InputSpec
    clips_hash: str
    """Hash of the settings of the clips, as that version computed it."""
    model: ModelConfig
    num_members: int
    facts: BundleFacts
