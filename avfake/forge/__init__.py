"""Genuine picture or sound in, forged out, with the truth known: which pixels, which samples."""

from avfake.forge.face_swap import FaceSwap, swap_faces
from avfake.forge.voice import VOICE_METHODS, convert_voice

__all__ = ["VOICE_METHODS", "FaceSwap", "convert_voice", "swap_faces"]
