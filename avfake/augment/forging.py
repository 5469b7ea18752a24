"""Forging of genuine training clips, so that every fake is new and its labels are exact.

Self-blended faces (Shiohara and Yamasaki 2022) and re-synthesised voices (Wang and Yamagishi 2023).
Only parts known to be genuine are forged; clips that are fakes already are unchanged.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from avfake.augment.picture.cutouts import has_points
from avfake.augment.transform import Transform
from avfake.clips import TrainingSample
from avfake.forgery import FaceSwap, forge_voice, self_blend
from avfake.labels import Part
from avfake.media import Waveform


@dataclass(frozen=True)
class ForgeFace(Transform[int]):
    """Forge each face, by default by self-blending; drawn: the seed of the forgery.

    The genuine crops become the partner.
    """

    name = "forge_face"
    blend: Callable[..., FaceSwap] = self_blend
    """f(crops uint8 [T, S, S, 3], landmarks float32 [T, 5, 2] px, *, rng)."""

    def fits(self, sample: TrainingSample) -> bool:
        return _is_genuine(sample, "face") and has_points(sample)

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> int:
        return int(rng.integers(2**31))

    def apply(self, sample: TrainingSample, params: int) -> TrainingSample:
        rng = np.random.default_rng(params)
        forged = self.blend(sample.faces, sample.landmarks, rng=rng)
        if not forged.mask.any():
            return sample
        return replace(_with_forged(sample, "face"), faces=forged.pixels, partner=sample.faces)


@dataclass(frozen=True)
class ForgeVoice(Transform[int]):
    """Forge the voice; drawn: a seed, used again for every row, so that all get the same voice.

    Sound that the method does not change, such as silence, is not labelled as fake.
    """

    name = "forge_voice"
    change: Callable[..., Waveform] = forge_voice
    """f(waveform, *, rng), which keeps the length."""

    def fits(self, sample: TrainingSample) -> bool:
        return _is_genuine(sample, "voice") and sample.has_sound

    def parameters(self, sample: TrainingSample, rng: np.random.Generator) -> int:
        return int(rng.integers(2**31))

    def apply(self, sample: TrainingSample, params: int) -> TrainingSample:
        forged = sample.with_sound(self._row(sample.sample_rate, params))
        if np.array_equal(forged.sound, sample.sound):
            return sample
        return _with_forged(forged, "voice")

    def _row(self, sample_rate: int, seed: int) -> Callable[[np.ndarray], np.ndarray]:
        def change(row: np.ndarray) -> np.ndarray:
            rng = np.random.default_rng(seed)
            return self.change(Waveform(row, sample_rate), rng=rng).samples

        return change


@dataclass(frozen=True)
class Forge(Transform[tuple[int | None, int | None]]):
    """Forge the face, the voice, or both, each with its own probability; drawn: their seeds.

    A clip that is known to be a fake in any part is unchanged.
    """

    name = "forge"
    probability: float = 1.0
    face: ForgeFace = ForgeFace(0.0)
    voice: ForgeVoice = ForgeVoice(0.0)

    def fits(self, sample: TrainingSample) -> bool:
        known = zip(sample.labels, sample.weights, strict=True)
        return not any(label > 0 and weight > 0 for label, weight in known)

    def parameters(
        self, sample: TrainingSample, rng: np.random.Generator
    ) -> tuple[int | None, int | None]:
        return self.face.draw(sample, rng), self.voice.draw(sample, rng)

    def apply(
        self, sample: TrainingSample, params: tuple[int | None, int | None]
    ) -> TrainingSample:
        face, voice = params
        if face is not None:
            sample = self.face.apply(sample, face)
        return sample if voice is None else self.voice.apply(sample, voice)


def _is_genuine(sample: TrainingSample, part: Part) -> bool:
    return getattr(sample.labels, part) == 0 and getattr(sample.weights, part) > 0


def _with_forged(sample: TrainingSample, part: Part) -> TrainingSample:
    """Return the sample with this part, and so the whole, known to be forged."""
    forged = {"overall": 1.0, part: 1.0}
    labels, weights = sample.labels._replace(**forged), sample.weights._replace(**forged)
    return replace(sample, labels=labels, weights=weights)
