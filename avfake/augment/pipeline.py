"""All transforms of a config in order, for training samples and for whole sounds."""

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
from avfake.labels import Labels
from avfake.media import Waveform


@dataclass(frozen=True)
class Pipeline:
    """The transforms of a config in order; the type of `ClipDataset(augment=...)`."""

    transforms: Sequence[Transform[Any]]

    @property
    def needs_partner(self) -> bool:
        """Whether any transform uses the crops of the original."""
        return any(transform.uses_partner for transform in self.transforms)

    def __call__(self, sample: TrainingSample, rng: np.random.Generator) -> TrainingSample:
        for number, transform in enumerate(self.transforms):
            rest = self.transforms[number:]
            if sample.partner is not None and not any(one.uses_partner for one in rest):
                # Not used any more: half the work of the later transforms.
                sample = replace(sample, partner=None)
            params = transform.draw(sample, rng)
            if params is not None:
                sample = transform.apply(sample, params)
        return sample


def build_pipeline(config: AugmentConfig) -> Pipeline:
    """Return forging, then mixing with the original, then transforms of picture and sound."""
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


def draw_sound(waveform: Waveform, names: Sequence[str], *, rng: np.random.Generator) -> Waveform:
    """Return the sound after the transforms and presets `names` of `SOUND`, each as it is drawn.

    Its length and rate stay; an empty sound stays as it is.
    """
    for transform in [one for name in names for one in SOUND[name]]:
        params = transform.draw(_sample(sound=waveform), rng)
        if params is not None:
            waveform = _apply_to_sound(waveform, transform, params)
    return waveform


def change_sound(waveform: Waveform, name: str, params: object) -> Waveform:
    """Return the sound after the transform `name` of `SOUND` with given parameters."""
    (transform,) = SOUND[name]
    return _apply_to_sound(waveform, transform, params)


def change_picture(frame: np.ndarray, name: str, params: object) -> np.ndarray:
    """Return a frame, uint8 [H, W, 3], after the transform `name` of `PICTURE`, likewise."""
    (transform,) = PICTURE[name]
    return transform.apply(_sample(picture=frame), params).faces[0]


def _apply_to_sound(waveform: Waveform, transform: Transform[Any], params: object) -> Waveform:
    if not len(waveform.samples):
        return waveform
    changed = transform.apply(_sample(sound=waveform), params)
    return replace(waveform, samples=changed.sound[0])


def _sample(*, sound: Waveform | None = None, picture: np.ndarray | None = None) -> TrainingSample:
    """Return a sample of one whole sound or one whole frame, without labels."""
    empty = np.zeros((0, 0), np.float32)
    faces = np.zeros((0, 1, 1, 3), np.uint8) if picture is None else picture[None]
    return TrainingSample(
        faces=faces,
        landmarks=np.zeros((len(faces), 5, 2), np.float32),
        persons=np.zeros(len(faces), np.int64),
        sound=empty if sound is None else sound.samples[None],
        crop_sound=empty,
        sample_rate=16_000 if sound is None else sound.sample_rate,
        labels=Labels(),
        weights=Labels(),
    )
