"""A clip and the models that judged it in; where they saw a forgery out."""

from avfake.explain.explaining import explain_clip
from avfake.explain.heat import face_heat
from avfake.explain.saliency import sound_saliency
from avfake.explain.types import Explanation, FaceEvidence, VoiceEvidence

__all__ = [
    "Explanation",
    "FaceEvidence",
    "VoiceEvidence",
    "explain_clip",
    "face_heat",
    "sound_saliency",
]
