"""Forgeries of genuine pictures and sound, with the exact forged pixels and samples.

`FACE_METHODS` and `VOICE_METHODS` are the registries; docs/training_at_scale.md tells how to add to
them.
"""

from avfake.forgery.compositing import FaceSwap
from avfake.forgery.face_methods import FACE_METHODS, forge_face
from avfake.forgery.face_swap import swap_faces
from avfake.forgery.faces_in_place import fit_template
from avfake.forgery.vocoders import CONVERSIONS, convert_voice
from avfake.forgery.voice_methods import VOICE_METHODS, forge_voice

__all__ = [
    "CONVERSIONS",
    "FACE_METHODS",
    "FaceSwap",
    "VOICE_METHODS",
    "convert_voice",
    "fit_template",
    "forge_face",
    "forge_voice",
    "swap_faces",
]
