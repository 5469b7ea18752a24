"""Genuine picture or sound in, forged out, with the truth known: which pixels, which samples."""

from avfake.forge.composing import FaceSwap
from avfake.forge.face_methods import FACE_METHODS, forge_face, swap_crops
from avfake.forge.face_swap import swap_faces
from avfake.forge.self_blending import SelfBlendConfig, self_blend
from avfake.forge.sync import foreign_sound, shift_sync
from avfake.forge.voice import CONVERSIONS, convert_voice
from avfake.forge.voice_methods import VOICE_METHODS, forge_voice

__all__ = [
    "CONVERSIONS",
    "FACE_METHODS",
    "VOICE_METHODS",
    "FaceSwap",
    "SelfBlendConfig",
    "convert_voice",
    "foreign_sound",
    "forge_face",
    "forge_voice",
    "self_blend",
    "shift_sync",
    "swap_crops",
    "swap_faces",
]
