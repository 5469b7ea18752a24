"""All transforms of a config, one after the other."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from avfake.augment.config import AugmentConfig
from avfake.augment.forging import Forge, ForgeFace, ForgeVoice
from avfake.augment.mixing import PairMixup
from avfake.augment.presets import PICTURE, SOUND
from avfake.augment.transform import Transform
from avfake.clips import TrainingSample
from avfake.forgery import forge_face, forge_voice


@dataclass(frozen=True)
class Pipeline:
    """Draws and applies each transform in turn; what `ClipDataset(augment=...)` takes."""

    transforms: Sequence[Transform[Any]]

    @property
    def needs_partner(self) -> bool:
        """Whether any transform looks at the crops of the original."""
        return any(transform.looks_at_partner for transform in self.transforms)

    def __call__(self, sample: TrainingSample, rng: np.random.Generator) -> TrainingSample:
        for place, transform in enumerate(self.transforms):
            rest = self.transforms[place:]
            if sample.partner is not None and not any(one.looks_at_partner for one in rest):
                # Nobody looks at it any more: half the work of what follows.
                sample = replace(sample, partner=None)
            params = transform.draw(sample, rng)
            if params is not None:
                sample = transform.apply(sample, params)
        return sample


def build_pipeline(config: AugmentConfig) -> Pipeline:
    """Forging first, then the mix with the original, then picture and sound as a recorder would."""
    forge = config.forge
    forges = forge.face_rate + forge.voice_rate > 0
    blend = partial(forge_face, methods=forge.face_methods)
    change = partial(forge_voice, methods=forge.voice_methods)
    made = (
        Forge(face=ForgeFace(forge.face_rate, blend), voice=ForgeVoice(forge.voice_rate, change)),
        PairMixup(config.mix.pair_rate, alpha=config.mix.pair_alpha),
    )
    named = [one for name in config.picture for one in PICTURE[name]]
    named += [one for name in config.sound for one in SOUND[name]]
    scaled = [one.scaled(config.rate) for one in named if config.rate > 0]
    return Pipeline([one for one in (*made[not forges :], *scaled) if one.probability > 0])
