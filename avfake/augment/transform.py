"""What all transforms are: settings -> parameters, drawn at random -> a changed sample.

The change itself is a function of a sample and its parameters. It is deterministic and treats every
frame and window alike. All functions belong to modules, so that a transform can be pickled to
another process.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TypeVar

import numpy as np
from PIL import Image

from avfake.clips import TrainingSample
from avfake.labels import Part

T = TypeVar("T")
Parameters = dict[str, Any]


def uniform(
    sample: TrainingSample, rng: np.random.Generator, **ranges: tuple[float, float]
) -> Parameters:
    """Draw each parameter from its range."""
    return {name: float(rng.uniform(*bounds)) for name, bounds in ranges.items()}


def uniform_and_seed(
    sample: TrainingSample, rng: np.random.Generator, **ranges: tuple[float, float]
) -> Parameters:
    """Draw each parameter from its range, and a `seed`."""
    return uniform(sample, rng, **ranges) | {"seed": draw_seed(rng)}


def draw_seed(rng: np.random.Generator) -> int:
    """Draw a seed for what a change draws itself, such as noise."""
    return int(rng.integers(2**31))


def pick(rng: np.random.Generator, options: Sequence[T]) -> T:
    """Draw one of several options, each with equal probability."""
    return options[int(rng.integers(len(options)))]


@dataclass(frozen=True)
class Transform:
    """A random change of a sample."""

    change: Callable[..., TrainingSample]
    """f(sample, **parameters), a new sample."""
    fits: Callable[[TrainingSample], bool]
    """Whether a sample has anything to change."""
    draw_from: Callable[..., Parameters | None] = uniform
    """f(sample, rng, **settings): the parameters, or None if this sample does not allow it."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """What the parameters are drawn from."""
    probability: float = 0.5
    """Probability for a sample that it fits."""
    needs_partner: bool = False
    """Whether it uses the crops of the original."""

    def draw(self, sample: TrainingSample, rng: np.random.Generator) -> Parameters | None:
        """Draw parameters for a sample; None = leave it unchanged."""
        if not self.fits(sample) or rng.random() >= self.probability:
            return None
        return self.parameters(sample, rng)

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> Parameters | None:
        """Draw parameters for a sample that it fits, whatever the probability."""
        return self.draw_from(sample, rng, **self.settings)

    def but(self, probability: float | None = None, **settings: Any) -> "Transform":
        """Return the transform with another probability or other settings."""
        probability = self.probability if probability is None else probability
        return replace(self, probability=probability, settings={**self.settings, **settings})

    def scaled(self, rate: float) -> "Transform":
        """Return the transform with `rate` times its probability."""
        if self.draw_from is _draw_first:
            return first_of(*(choice.scaled(rate) for choice in self.settings["choices"]))
        return self.but(min(1.0, rate * self.probability))


def transform(
    change: Callable[..., TrainingSample],
    probability: float = 0.5,
    *,
    fits: Callable[[TrainingSample], bool],
    draw: Callable[..., Parameters | None] = uniform,
    needs_partner: bool = False,
    **settings: Any,
) -> Transform:
    """Return a transform with settings by name."""
    return Transform(change, fits, draw, settings, probability, needs_partner)


def one_of(probability: float, *choices: Transform) -> Transform:
    """Return one of several transforms with equal probability; the chosen one is always applied."""
    return _choosing(_draw_one, choices, probability)


def first_of(*choices: Transform) -> Transform:
    """Return the first of several transforms that is drawn, each by its own probability."""
    return _choosing(_draw_first, choices, 1.0)


def _choosing(
    draw: Callable[..., Parameters | None], choices: tuple[Transform, ...], probability: float
) -> Transform:
    fits = partial(_any_fits, choices)
    needs_partner = any(choice.needs_partner for choice in choices)
    return Transform(_as_chosen, fits, draw, {"choices": choices}, probability, needs_partner)


def _any_fits(choices: tuple[Transform, ...], sample: TrainingSample) -> bool:
    return any(choice.fits(sample) for choice in choices)


def _draw_one(
    sample: TrainingSample, rng: np.random.Generator, choices: tuple[Transform, ...]
) -> Parameters | None:
    chosen = pick(rng, choices)
    params = chosen.parameters(sample, rng)
    return None if params is None else {"chosen": chosen, "params": params}


def _draw_first(
    sample: TrainingSample, rng: np.random.Generator, choices: tuple[Transform, ...]
) -> Parameters | None:
    drawn = ((choice, choice.draw(sample, rng)) for choice in choices)
    return next(
        ({"chosen": c, "params": params} for c, params in drawn if params is not None), None
    )


def _as_chosen(sample: TrainingSample, chosen: Transform, params: Parameters) -> TrainingSample:
    return chosen.change(sample, **params)


def has_faces(sample: TrainingSample) -> bool:
    """Return whether there are crops."""
    return sample.has_faces


def has_points(sample: TrainingSample) -> bool:
    """Return whether the five points of every face are known, that is not all equal."""
    return bool(sample.has_faces and (np.ptp(sample.landmarks, axis=1).max(axis=1) > 1).all())


def has_sound(sample: TrainingSample) -> bool:
    """Return whether there are windows, or sound around the crops."""
    return sample.has_sound


def is_genuine(sample: TrainingSample, part: Part) -> bool:
    """Return whether a part is known to be genuine."""
    return getattr(sample.labels, part) == 0 and getattr(sample.weights, part) > 0


def with_images(
    sample: TrainingSample, change: Callable[[Image.Image], Image.Image]
) -> TrainingSample:
    """Return the sample with `change` applied to each crop, and to those of the partner."""
    return sample.with_pictures(
        lambda faces: np.stack([np.asarray(change(Image.fromarray(face))) for face in faces])
    )
