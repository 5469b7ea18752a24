"""The base of all transforms: `draw` chooses parameters at random, `apply` is deterministic.

`draw` returns parameters for a sample, or None to leave it unchanged; `apply` uses them for every
frame and window alike.
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
    """A random change of a sample."""

    name: ClassVar[str]
    needs_partner: ClassVar[bool] = False
    """Whether it uses the crops of the original."""
    probability: float = 0.5
    """Probability for a sample that it fits."""

    def draw(self, sample: TrainingSample, rng: np.random.Generator) -> P | None:
        """Draw parameters for a sample; None = leave it unchanged."""
        if not self.fits(sample) or rng.random() >= self.probability:
            return None
        return self.parameters(sample, rng)

    def scaled(self, rate: float) -> "Transform[P]":
        """Return the transform with `rate` times its probability."""
        return replace(self, probability=min(1.0, rate * self.probability))

    @property
    def uses_partner(self) -> bool:
        """`needs_partner`, of it or of any transform inside it."""
        return self.needs_partner

    @abstractmethod
    def fits(self, sample: TrainingSample) -> bool:
        """Return whether the sample has anything to change."""

    @abstractmethod
    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> P | None:
        """Draw the parameters; None if this sample does not allow it."""

    @abstractmethod
    def apply(self, sample: TrainingSample, params: P) -> TrainingSample:
        """Return a new sample, changed by `params`."""


class PictureTransform(Transform[P]):
    """A transform of crops; a sample without a face is unchanged."""

    def fits(self, sample: TrainingSample) -> bool:
        return sample.has_faces

    def apply(self, sample: TrainingSample, params: P) -> TrainingSample:
        return sample.with_pictures(lambda faces: self.change(faces, params))

    def change(self, faces: np.ndarray, params: P) -> np.ndarray:
        """Return changed crops uint8 [T, S, S, 3], where nothing but the pixels changes."""
        raise NotImplementedError


class SoundTransform(Transform[P]):
    """A transform of sound, of windows and of the sound around crops alike."""

    def fits(self, sample: TrainingSample) -> bool:
        return sample.has_sound

    def apply(self, sample: TrainingSample, params: P) -> TrainingSample:
        return sample.with_sound(lambda row: self.change(row, sample.sample_rate, params))

    def change(self, row: np.ndarray, sample_rate: int, params: P) -> np.ndarray:
        """Return changed samples [N], where every row is changed alike."""
        raise NotImplementedError


@dataclass(frozen=True)
class OneOf(Transform[tuple[int, Any]]):
    """One of several transforms with equal probability; the chosen one is always applied."""

    name = "one_of"
    choices: Sequence[Transform[Any]] = ()

    def fits(self, sample: TrainingSample) -> bool:
        return any(choice.fits(sample) for choice in self.choices)

    @property
    def uses_partner(self) -> bool:
        return any(choice.uses_partner for choice in self.choices)

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
    """The first of several transforms that is drawn, each by its own probability."""

    name = "first_of"

    def parameters(
        self, sample: TrainingSample, rng: np.random.Generator
    ) -> tuple[int, Any] | None:
        for number, choice in enumerate(self.choices):
            params = choice.draw(sample, rng)
            if params is not None:
                return number, params
        return None

    def scaled(self, rate: float) -> "FirstOf":
        return replace(self, choices=[choice.scaled(rate) for choice in self.choices])
