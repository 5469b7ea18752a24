"""What a caller may ask of a detector; importing it does not import torch."""

from dataclasses import dataclass, field

from avfake.errors import ConfigError, check_choice
from avfake.limits import Limits

PROFILES = ("fast", "balanced", "thorough")


@dataclass(frozen=True)
class PredictOptions:
    """Which parts of a trained detector answer: the ablations of training, at prediction."""

    use_audio: bool = True
    use_visual: bool = True
    use_stacker: bool = True
    """False: the calibrated logits of the fusion head."""
    use_sync: bool = True
    """False: lips and sound are not compared, where the detector does that at all."""
    prior: float | None = None
    """Share of files taken to be forged before one is examined; None: that of the training data.
    Moves probabilities, never decisions."""
    profile: str = "balanced"
    """How much is spent on a file, a key of `PROFILES` (`detector.profiles`)."""
    limits: Limits = field(default_factory=Limits, repr=False)
    """What a file may take. Not shown: other limits do not make other answers, only fewer."""

    def __post_init__(self) -> None:
        check_choice("profile", self.profile, PROFILES)
        if not (self.use_audio or self.use_visual):
            raise ConfigError("--no-audio and --no-visual together leave nothing to assess")
        if self.prior is not None and not 0 < self.prior < 1:  # nor is NaN
            raise ConfigError(
                f"prior is {self.prior}; it is the share of files taken to be forged before one is "
                "examined, above 0 and below 1, such as 0.01 for one in a hundred"
            )
