"""What of a clip was assessed: whole, its picture alone, its sound alone.

A genuine clip scores otherwise where a part is missing, and of a whole clip either part may be
forged, so each view has a calibrator and a decision rule of its own.
"""

from typing import Literal

import numpy as np

from avfake.calibration.features import columns_of

Modality = Literal["whole", "picture", "sound"]
MODALITIES: tuple[Modality, ...] = ("whole", "picture", "sound")


def modalities_of(rows: np.ndarray) -> np.ndarray:
    """str [N] out of `MODALITIES` for rows [N, F]; "" where nothing was assessed."""
    has_face, has_voice = ~np.isnan(columns_of(rows, ("face_mean", "voice_mean"))).T
    choices: tuple[str, ...] = MODALITIES
    return np.select(
        [has_face & has_voice, has_face, has_voice], [np.array(one) for one in choices], ""
    )


def modality_of(*, has_visual: bool, has_audio: bool) -> Modality:
    """The view of a clip with these parts assessed; "whole" where none was."""
    if has_visual == has_audio:
        return "whole"
    return "picture" if has_visual else "sound"


def modality_name(name: str, view: Modality) -> str:
    """How what is kept for this view is called, where `name` is that for whole clips."""
    return name if view == "whole" else f"{name}:{view}"
