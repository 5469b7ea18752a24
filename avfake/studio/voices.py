"""Somebody speaking: the sound, and how wide the mouth is open while it sounds."""

from dataclasses import dataclass

import numpy as np

from avfake.media import Waveform
from avfake.studio.articulation import SAMPLE_RATE, STEP, Speaker, write_score
from avfake.studio.synthesis import Room, record, synthesise


@dataclass(frozen=True)
class Speech:
    """What was said, as sound and as the movement of a mouth."""

    waveform: Waveform
    mouth_open: np.ndarray
    """float32 [T] in [0, 1], one value a video frame."""


def speak(
    speaker: Speaker, room: Room, rng: np.random.Generator, *, num_frames: int, fps: float
) -> Speech:
    """As many syllables as fit into the time, in that voice, recorded in that room."""
    seconds = num_frames / fps
    score = write_score(speaker, rng, seconds)
    length = round(seconds * SAMPLE_RATE)
    dry = synthesise(speaker, score, rng, length)
    wet = record(dry, room)
    places = (np.arange(num_frames) + 0.5) / fps * SAMPLE_RATE / STEP
    openings = np.interp(places, np.arange(len(score.mouth)), score.mouth)
    return Speech(Waveform(wet, SAMPLE_RATE), openings.astype(np.float32))
