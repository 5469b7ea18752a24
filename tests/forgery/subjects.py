"""A procedural person speaking, with exact landmarks, as the material of forgeries."""

from functools import cache

import numpy as np

from avfake.media.types import Waveform
from avfake.studio.heads import Rendering, render
from avfake.studio.person import draw_identity, draw_motion
from avfake.studio.scene import draw_scene
from avfake.studio.voices import draw_acoustics, draw_speaker, speak


@cache
def talking_head(seed: int, num_frames: int = 30) -> tuple[Rendering, Waveform]:
    """Square frames of 192 px, 15 a second, and what is said meanwhile."""
    rng = np.random.default_rng(seed)
    scene = draw_scene(rng, ((192, 192),))
    speech = speak(draw_speaker(rng), draw_acoustics(rng), rng, num_frames=num_frames, fps=15)
    motion = draw_motion(rng, speech.mouth_open, size=(192, 192), fps=15)
    return render(draw_identity(rng), scene, motion), speech.waveform
