"""Forging of genuine training clips, so that every fake is new and its labels are exact.

Self-blended faces (Shiohara and Yamasaki 2022) and re-synthesised voices (Wang and Yamagishi 2023).
Only parts known to be genuine are forged; clips that are fakes already are unchanged.
"""

from dataclasses import replace

import numpy as np

from avfake.augment.config import ForgeConfig
from avfake.augment.transform import (
    Parameters,
    Transform,
    draw_seed,
    has_points,
    is_genuine,
    transform,
)
from avfake.clips import TrainingSample
from avfake.forgery import forge_face, forge_voice
from avfake.labels import Part
from avfake.media import Waveform


def forging(config: ForgeConfig) -> Transform:
    """Return a transform that forges the face, the voice, or both, each at its own rate."""
    return transform(forge, 1.0, fits=_may_be_genuine, draw=draw_forgeries, config=config)


def forge(
    sample: TrainingSample, config: ForgeConfig, face: int | None, voice: int | None
) -> TrainingSample:
    """Forge what has a seed; parts that the drawn method does not change are not labelled as fake.

    The genuine crops become the partner.
    """
    if face is not None:
        rng, methods = np.random.default_rng(face), config.face_methods
        swap = forge_face(sample.faces, sample.landmarks, rng=rng, methods=methods)
        if swap.mask.any():
            forged = _with_forged(sample, "face")
            sample = replace(forged, faces=swap.pixels, partner=sample.faces)
    if voice is None:
        return sample

    def change(row: np.ndarray) -> np.ndarray:
        # The same seed for every row, so that all get the same voice.
        rng, methods = np.random.default_rng(voice), config.voice_methods
        return forge_voice(Waveform(row, sample.sample_rate), rng=rng, methods=methods).samples

    changed = sample.with_sound(change)
    is_same = np.array_equal(changed.sound, sample.sound)
    return sample if is_same else _with_forged(changed, "voice")


def draw_forgeries(
    sample: TrainingSample, rng: np.random.Generator, config: ForgeConfig
) -> Parameters:
    """Draw a seed for the forgery of each part that is known to be genuine; None = leave it."""
    may_forge = {
        "face": (config.face_rate, is_genuine(sample, "face") and has_points(sample)),
        "voice": (config.voice_rate, is_genuine(sample, "voice") and sample.has_sound),
    }
    seeds = {
        part: draw_seed(rng) if fits and rng.random() < rate else None
        for part, (rate, fits) in may_forge.items()
    }
    return {"config": config, **seeds}


def _may_be_genuine(sample: TrainingSample) -> bool:
    known = zip(sample.labels, sample.weights, strict=True)
    return not any(label > 0 and weight > 0 for label, weight in known)


def _with_forged(sample: TrainingSample, part: Part) -> TrainingSample:
    """Return the sample with this part, and so the whole, known to be forged."""
    forged = {"overall": 1.0, part: 1.0}
    labels, weights = sample.labels._replace(**forged), sample.weights._replace(**forged)
    return replace(sample, labels=labels, weights=weights)
