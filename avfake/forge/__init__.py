"""Genuine picture or sound in, forged out, with the truth known: which pixels, which samples."""

from avfake.forge.composing import FaceSwap
from avfake.forge.face_methods import FACE_METHODS, forge_face
from avfake.forge.face_swap import swap_faces
from avfake.forge.self_blending import SelfBlendConfig, self_blend
from avfake.forge.voice import VOICE_METHODS, convert_voice

__all__ = [
    "FACE_METHODS",
    "VOICE_METHODS",
    "FaceSwap",
    "SelfBlendConfig",
    "convert_voice",
    "forge_face",
    "self_blend",
    "swap_faces",
]
