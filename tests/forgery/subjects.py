"""A procedural person speaking, with exact landmarks, as the material of forgeries."""

from functools import cache

import numpy as np

from avfake.media.types import Waveform
from avfake.studio.articulation import draw_speaker
from avfake.studio.heads import Take, film
from avfake.studio.identity import draw_identity
from avfake.studio.motion import draw_motion
from avfake.studio.scene import draw_scene
from avfake.studio.synthesis import draw_room
from avfake.studio.voices import speak


@cache
def talking_head(seed: int, num_frames: int = 30) -> tuple[Take, Waveform]:
    """Square frames of 192 px, 15 a second, and what is said meanwhile."""
    rng = np.random.default_rng(seed)
    scene = draw_scene(rng, ((192, 192),))
    speech = speak(draw_speaker(rng), draw_room(rng), rng, num_frames=num_frames, fps=15)
    motion = draw_motion(rng, speech.mouth_open, size=(192, 192), fps=15)
    return film(draw_identity(rng), scene, motion), speech.waveform
