"""Transforms of windows, done to a whole sound."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from avfake.augment.presets import SOUND
from avfake.augment.transform import Transform
from avfake.clips import TrainingSample
from avfake.labels import Labels
from avfake.media import Waveform


def draw_sound(waveform: Waveform, names: Sequence[str], *, rng: np.random.Generator) -> Waveform:
    """The sound after all that is drawn of the transforms and presets `names` of `SOUND`.

    Its length and rate stay; no sound stays as it is.
    """
    if not len(waveform.samples):
        return waveform
    for transform in [one for name in names for one in SOUND[name]]:
        params = transform.draw(_sample(waveform), rng)
        if params is not None:
            waveform = change_sound(waveform, transform, params)
    return waveform


def change_sound(waveform: Waveform, transform: Transform[Any], params: object) -> Waveform:
    """The sound after one transform with parameters that are known; no sound stays as it is."""
    if not len(waveform.samples):
        return waveform
    changed = transform.apply(_sample(waveform), params)
    return replace(waveform, samples=changed.sound[0])


def _sample(waveform: Waveform) -> TrainingSample:
    return TrainingSample(
        faces=np.zeros((0, 1, 1, 3), np.uint8),
        landmarks=np.zeros((0, 5, 2), np.float32),
        persons=np.zeros(0, np.int64),
        sound=waveform.samples[None],
        crop_sound=np.zeros((0, 0), np.float32),
        sample_rate=waveform.sample_rate,
        labels=Labels(),
        weights=Labels(),
    )
