"""All transforms of a config in order, for training samples and for whole sounds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from avfake.augment.config import AugmentConfig
from avfake.augment.forging import forging
from avfake.augment.mixing import draw_share, pair_mixup
from avfake.augment.presets import PICTURE, SOUND
from avfake.augment.transform import Transform, has_faces, transform
from avfake.clips import TrainingSample
from avfake.labels import Labels
from avfake.media import Waveform


@dataclass(frozen=True)
class Pipeline:
    """The transforms of a config in order; the type of `ClipDataset(augment=...)`."""

    transforms: Sequence[Transform]

    @property
    def needs_partner(self) -> bool:
        """Whether any transform uses the crops of the original."""
        return any(one.needs_partner for one in self.transforms)

    def __call__(self, sample: TrainingSample, rng: np.random.Generator) -> TrainingSample:
        for number, one in enumerate(self.transforms):
            rest = self.transforms[number:]
            if sample.partner is not None and not any(other.needs_partner for other in rest):
                # Not used any more: half the work of the later transforms.
                sample = replace(sample, partner=None)
            params = one.draw(sample, rng)
            if params is not None:
                sample = one.change(sample, **params)
        return sample


def build_pipeline(config: AugmentConfig) -> Pipeline:
    """Return forging, then mixing with the original, then transforms of picture and sound."""
    mixing = transform(
        pair_mixup,
        config.mix.pair_rate,
        fits=has_faces,
        draw=draw_share,
        needs_partner=True,
        alpha=config.mix.pair_alpha,
    )
    named = [one for name in config.picture for one in PICTURE[name]]
    named += [one for name in config.sound for one in SOUND[name]]
    scaled = [one.scaled(config.rate) for one in named if config.rate > 0]
    forges = config.forge.face_rate + config.forge.voice_rate > 0
    made = [forging(config.forge)] * forges + [mixing, *scaled]
    return Pipeline([one for one in made if one.probability > 0])


def change_sound(waveform: Waveform, name: str, **parameters: Any) -> Waveform:
    """Return the sound after the transform `name` of `SOUND` with given parameters."""
    (one,) = SOUND[name]
    changed = one.change(_sample(_NO_PICTURE, waveform), **parameters)
    return replace(waveform, samples=changed.sound[0])


def change_picture(frame: np.ndarray, name: str, **parameters: Any) -> np.ndarray:
    """Return a frame, uint8 [H, W, 3], after the transform `name` of `PICTURE`, likewise."""
    (one,) = PICTURE[name]
    return one.change(_sample(frame[None], _NO_SOUND), **parameters).faces[0]


_NO_PICTURE = np.zeros((0, 1, 1, 3), np.uint8)
_NO_SOUND = Waveform(np.zeros(0, np.float32), 16_000)


def _sample(faces: np.ndarray, sound: Waveform) -> TrainingSample:
    """Return a sample of whole frames [T, H, W, 3] and one whole sound, without labels."""
    return TrainingSample(
        faces=faces,
        landmarks=np.zeros((len(faces), 5, 2), np.float32),
        persons=np.zeros(len(faces), np.int64),
        sound=sound.samples[None],
        crop_sound=np.zeros((0, 0), np.float32),
        sample_rate=sound.sample_rate,
        labels=Labels(),
        weights=Labels(),
    )
