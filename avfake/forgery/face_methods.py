"""Every method to forge the face of a clip from the clip alone, in one registry."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Protocol

import numpy as np

from avfake.errors import ConfigError, nearest
from avfake.forgery.compositing import FaceSwap
from avfake.forgery.person_swap import one_shot, temporal_mouth, warp_face
from avfake.forgery.resynthesis import resynthesise
from avfake.forgery.self_blending import SelfBlendConfig, self_blend


class FaceMethod(Protocol):
    """A function of crops uint8 [T, S, S, 3] and landmarks float32 [T, 5, 2] px to a forgery."""

    def __call__(
        self, crops: np.ndarray, landmarks: np.ndarray, *, rng: np.random.Generator
    ) -> FaceSwap: ...


_MOUTH = SelfBlendConfig(regions=("mouth", "mouth_and_chin"), elastic=(0.002, 0.01))
_FLICKER = SelfBlendConfig(tremble=0.006, flicker=0.04, ratios=(0.5, 0.75, 1.0))

FACE_METHODS: dict[str, FaceMethod] = {
    # Any swapped face: a seam, and two processing histories.
    "self_blend": self_blend,
    # Lip-sync forgeries, which touch the mouth alone.
    "self_blend_mouth": partial(self_blend, config=_MOUTH),
    # Swaps made frame by frame: jitter and flicker.
    "flicker": partial(self_blend, config=_FLICKER),
    # Output of a decoder, face or whole picture: portrait animation, diffusion.
    "resynthesis": resynthesise,
    # Lips of another moment: lip-sync.
    "temporal_mouth": temporal_mouth,
    # A talking head made of one picture: expression and texture do not change.
    "one_shot": one_shot,
    # Reenactment by motion fields.
    "warp": warp_face,
}
"""Name -> method. To add one, write f(crops, landmarks, *, rng) -> FaceSwap and enter it here."""


def forge_face(
    crops: np.ndarray,
    landmarks: np.ndarray,
    *,
    rng: np.random.Generator,
    methods: Sequence[str] | None = None,
) -> FaceSwap:
    """Forge crops by one drawn method.

    crops: uint8 [T, S, S, 3]; landmarks: float32 [T, 5, 2] px. methods: names of `FACE_METHODS` to
    draw from with equal probability; None = all. Frames without landmarks (NaN) are unchanged; if
    there are no others, the mask is empty and the crops are genuine.
    """
    method = FACE_METHODS[draw_name(methods, FACE_METHODS, rng)]
    return method(crops, landmarks, rng=rng)


def draw_name(
    names: Sequence[str] | None, known: Mapping[str, object], rng: np.random.Generator
) -> str:
    """Draw one of `names`, or of all `known` ones; ConfigError for an unknown name."""
    chosen = list(known) if names is None else list(names)
    for name in chosen:
        if name not in known:
            raise ConfigError(
                f"method {name!r} is unknown{nearest(name, known)}; allowed: {', '.join(known)}"
            )
    if not chosen:
        raise ConfigError(f"methods must name at least one of {', '.join(known)}")
    return chosen[int(rng.integers(len(chosen)))]
