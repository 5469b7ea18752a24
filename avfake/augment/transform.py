"""What every transform is: it draws, then applies. All that is random is in the draw.

`draw` looks at the sample and a generator and gives parameters, or None for "not this time";
`apply` does what the parameters say, the same each time, to every frame and window alike.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np

from avfake.clips import TrainingSample

P = TypeVar("P")


@dataclass(frozen=True)
class Transform(ABC, Generic[P]):
    """One way to change a sample."""

    name: ClassVar[str]
    needs_partner: ClassVar[bool] = False
    """Whether it looks at the crops of the original."""
    probability: float = 0.5
    """How often it is done to a sample that it fits."""

    def draw(self, sample: TrainingSample, rng: np.random.Generator) -> P | None:
        """What to do to this sample; None = nothing this time."""
        if not self.fits(sample) or rng.random() >= self.probability:
            return None
        return self.parameters(sample, rng)

    def scaled(self, rate: float) -> "Transform[P]":
        """The same, done `rate` times as often."""
        return replace(self, probability=min(1.0, rate * self.probability))

    @property
    def looks_at_partner(self) -> bool:
        """`needs_partner`, of it or of any transform inside it."""
        return self.needs_partner

    @abstractmethod
    def fits(self, sample: TrainingSample) -> bool:
        """Whether there is anything to change."""

    @abstractmethod
    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> P | None:
        """What to do, drawn; None where this sample does not allow it."""

    @abstractmethod
    def apply(self, sample: TrainingSample, params: P) -> TrainingSample:
        """A new sample with `params` done to it."""


class PictureTransform(Transform[P]):
    """Changes crops; a sample without a face stays as it is."""

    def fits(self, sample: TrainingSample) -> bool:
        return sample.has_faces


class SoundTransform(Transform[P]):
    """Changes sound, windows and the sound around crops alike."""

    def fits(self, sample: TrainingSample) -> bool:
        return sample.has_sound


@dataclass(frozen=True)
class OneOf(Transform[tuple[int, Any]]):
    """One of several, each as likely; what it holds is done whenever it is chosen."""

    name = "one_of"
    choices: Sequence[Transform[Any]] = ()

    def fits(self, sample: TrainingSample) -> bool:
        return any(choice.fits(sample) for choice in self.choices)

    @property
    def looks_at_partner(self) -> bool:
        return any(choice.looks_at_partner for choice in self.choices)

    def parameters(
        self, sample: TrainingSample, rng: np.random.Generator
    ) -> tuple[int, Any] | None:
        chosen = int(rng.integers(len(self.choices)))
        params = self.choices[chosen].parameters(sample, rng)
        return None if params is None else (chosen, params)

    def apply(self, sample: TrainingSample, params: tuple[int, Any]) -> TrainingSample:
        chosen, inner = params
        return self.choices[chosen].apply(sample, inner)


class FirstOf(OneOf):
    """The first of several that is drawn, each by its own probability; the rest then rests."""

    name = "first_of"

    def parameters(
        self, sample: TrainingSample, rng: np.random.Generator
    ) -> tuple[int, Any] | None:
        for place, choice in enumerate(self.choices):
            params = choice.draw(sample, rng)
            if params is not None:
                return place, params
        return None

    def scaled(self, rate: float) -> "FirstOf":
        return replace(self, choices=[choice.scaled(rate) for choice in self.choices])
