"""Every method to forge the face of a clip from the clip alone, in one registry."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from avfake.errors import ConfigError, check_choice
from avfake.forgery.compositing import FaceSwap
from avfake.forgery.person_swap import one_shot, temporal_mouth, warp_face
from avfake.forgery.resynthesis import resynthesise
from avfake.forgery.self_blending import SelfBlendConfig, self_blend

FaceMethod = Callable[[np.ndarray, np.ndarray, np.random.Generator], FaceSwap]
"""A function of crops uint8 [T, S, S, 3] and landmarks float32 [T, 5, 2] px, T > 0; a random number
generator is its only other input."""
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
"""Name -> method. To add one, write f(crops, landmarks, rng) -> FaceSwap and enter it here."""


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
    there are no others, the mask is empty and the crops are genuine, so callers label by
    `mask.any()`.
    """
    method = FACE_METHODS[draw_name(methods, FACE_METHODS, rng)]
    known = _known_frames(crops, landmarks)
    pixels, mask = crops.copy(), np.zeros(crops.shape[:3], bool)
    if known.any():
        swap = method(crops[known], landmarks[known], rng)
        pixels[known], mask[known] = swap.pixels, swap.mask
    return FaceSwap(pixels, mask)


def _known_frames(crops: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """Return bool [T]: the frames whose five points are finite and not all equal."""
    if crops.dtype != np.uint8 or crops.ndim != 4 or crops.shape[3] != 3:
        raise ValueError(f"crops must be uint8 [T, S, S, 3], got {crops.dtype} {crops.shape}")
    if crops.shape[1] != crops.shape[2]:
        raise ValueError(f"crops must be square, got {crops.shape[1]} x {crops.shape[2]} px")
    if landmarks.shape != (len(crops), 5, 2):
        raise ValueError(f"landmarks must be [{len(crops)}, 5, 2], got {landmarks.shape}")
    finite: np.ndarray = np.isfinite(landmarks).all(axis=(1, 2))
    return finite & (np.ptp(np.nan_to_num(landmarks), axis=1).max(axis=1, initial=0) > 1)


def draw_name(
    names: Sequence[str] | None, known: Mapping[str, object], rng: np.random.Generator
) -> str:
    """Draw one of `names`, or of all `known` ones; ConfigError for an unknown name."""
    chosen = list(known) if names is None else list(names)
    for name in chosen:
        check_choice("method", name, known)
    if not chosen:
        raise ConfigError(f"methods must name at least one of {', '.join(known)}")
    return chosen[int(rng.integers(len(chosen)))]
