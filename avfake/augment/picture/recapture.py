"""A screen filmed off a screen."""

from dataclasses import dataclass

import numpy as np

from avfake.augment.transform import PictureTransform
from avfake.clips import TrainingSample


@dataclass(frozen=True)
class Stripes:
    """Waves of brightness over the picture."""

    waves: tuple[tuple[float, float], ...]
    """Of each channel: how many over the width and over the height."""
    depth: float
    """Share of the brightness, at most."""


@dataclass(frozen=True)
class Moire(PictureTransform[Stripes]):
    """The beat between the grid of a screen and that of a camera, a little other in each colour."""

    name = "moire"
    probability: float = 0.3
    num_waves: tuple[float, float] = (8.0, 60.0)
    depth: tuple[float, float] = (0.02, 0.12)

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> Stripes:
        angle, number = rng.uniform(0, np.pi), rng.uniform(*self.num_waves)
        across, down = number * np.cos(angle), number * np.sin(angle)
        # The sub-pixels of a screen lie beside each other, so the beats of the colours differ.
        spread = rng.uniform(0.97, 1.03, 3)
        waves = tuple((float(across * share), float(down * share)) for share in spread)
        return Stripes(waves, float(rng.uniform(*self.depth)))

    def apply(self, sample: TrainingSample, params: Stripes) -> TrainingSample:
        place = np.linspace(0, 2 * np.pi, sample.side_px, endpoint=False)
        pattern = np.stack(
            [np.cos(across * place[None] + down * place[:, None]) for across, down in params.waves],
            axis=-1,
        )
        gain = (1 + params.depth * (pattern - 1) / 2).astype(np.float32)

        def change(faces: np.ndarray) -> np.ndarray:
            striped = faces * gain
            return np.rint(striped, out=striped).clip(0, 255).astype(np.uint8)

        return sample.with_pictures(change)
