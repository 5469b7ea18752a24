"""Settings of the augmentation: which transforms are drawn, by name."""

from collections.abc import Collection
from dataclasses import dataclass, field

from avfake.augment.presets import PICTURE, SOUND
from avfake.errors import ConfigError, check_choice, check_ranges
from avfake.forgery import FACE_METHODS, VOICE_METHODS


@dataclass(frozen=True)
class ForgeConfig:
    """How often a genuine face or voice is forged during training; fakes are unchanged."""

    face_rate: float = 0.0
    """Share of the clips whose face is known to be genuine."""
    voice_rate: float = 0.0
    """Share of the clips whose voice is known to be genuine."""
    face_methods: tuple[str, ...] = ("self_blend",)
    """Names of avfake.forgery.FACE_METHODS to draw from."""
    voice_methods: tuple[str, ...] = tuple(VOICE_METHODS)
    """Names of avfake.forgery.VOICE_METHODS to draw from."""

    def __post_init__(self) -> None:
        check_ranges(self, "augment.forge", face_rate="[0, 1]", voice_rate="[0, 1]")
        _check_names("forge.face_methods", self.face_methods, FACE_METHODS)
        _check_names("forge.voice_methods", self.voice_methods, VOICE_METHODS)
        if not (self.face_methods and self.voice_methods):
            raise ConfigError(
                "augment.forge needs one method of each part; use a rate of 0 for none"
            )


@dataclass(frozen=True)
class MixConfig:
    """How often clips are mixed, and with which shares: Beta(alpha, alpha), 1 = uniform."""

    pair_rate: float = 0.0
    """Share of the fakes with a known original that are mixed with it, pixel by pixel."""
    pair_alpha: float = 0.5
    mixup_rate: float = 0.0
    """Share of the batches whose clips are averaged in pairs."""
    mixup_alpha: float = 0.4
    cutmix_rate: float = 0.0
    """Share of the batches in which a part of another clip is put into each clip."""
    cutmix_alpha: float = 0.4

    def __post_init__(self) -> None:
        for kind in ("pair", "mixup", "cutmix"):
            ranges = {f"{kind}_rate": "[0, 1]", f"{kind}_alpha": "(0, inf)"}
            check_ranges(self, "augment.mix", **ranges)
        if self.mixup_rate + self.cutmix_rate > 1:
            raise ConfigError(
                f"a batch is mixed one way: mixup_rate {self.mixup_rate} and cutmix_rate "
                f"{self.cutmix_rate} must not add up to more than 1"
            )


@dataclass(frozen=True)
class AugmentConfig:
    """Augmentation of a training clip, in the order of the fields."""

    forge: ForgeConfig = field(default_factory=ForgeConfig)
    mix: MixConfig = field(default_factory=MixConfig)
    picture: tuple[str, ...] = ("flip",)
    """Names of transforms or presets of the picture, in order (avfake/augment/presets.py)."""
    sound: tuple[str, ...] = ()
    """Names of transforms or presets of the sound, in order (avfake/augment/presets.py)."""
    rate: float = 1.0
    """Factor on the probability of each transform of picture and sound; 0 = never."""

    def __post_init__(self) -> None:
        _check_names("picture", self.picture, PICTURE)
        _check_names("sound", self.sound, SOUND)
        check_ranges(self, "augment", rate="[0, inf)")


def _check_names(key: str, names: tuple[str, ...], known: Collection[str]) -> None:
    if isinstance(names, str):
        raise ConfigError(f"augment.{key} must be a list of names, got {names!r}")
    for name in names:
        check_choice(f"augment.{key}", name, known)
