"""What is said: syllables in a rhythm, as the movements of a vocal tract."""

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d

SAMPLE_RATE = 24_000
STEP = 120
"""Samples: the vocal tract is set anew every 5 ms."""

# First four formants in Hz of a grown man, and how wide the mouth is open.
_VOWELS = np.array(
    [
        [730, 1090, 2440, 3400, 1.0],  # a
        [530, 1840, 2480, 3500, 0.65],  # e
        [270, 2290, 3010, 3600, 0.3],  # i
        [570, 840, 2410, 3300, 0.7],  # o
        [300, 870, 2240, 3200, 0.3],  # u
        [500, 1500, 2500, 3500, 0.5],  # the murmur in "the"
    ]
)
_CONSONANTS = ("s", "f", "sh", "t", "k", "m", "l", "")
_HISS_HZ = {
    "s": (6500, 1800),
    "f": (5000, 4000),
    "sh": (3300, 1200),
    "t": (4500, 2500),
    "k": (2000, 900),
}
"""Centre and width of the noise of a consonant; the others are voiced."""


@dataclass(frozen=True)
class Speaker:
    """One voice."""

    pitch_hz: float
    pitch_range: float
    """Deviation of the pitch contour in octaves."""
    formant_scale: float
    """Formants over those of a grown man: higher for a shorter vocal tract."""
    tilt_db: float
    """Fall of the voice's spectrum per octave."""
    breath: float
    """Noise in the voice, as a share of it."""
    hiss: float
    """Strength of the consonants' noise, as a share of the voice."""
    shake: float
    """Roughness of the pitch."""
    syllables_per_second: float


def draw_speaker(rng: np.random.Generator) -> Speaker:
    """One voice; the longer the vocal tract, the lower the pitch, mostly."""
    size = rng.uniform(-1, 1)
    return Speaker(
        pitch_hz=float(150 * 2 ** (0.65 * size + rng.normal(0, 0.15))),
        pitch_range=float(rng.uniform(0.06, 0.25)),
        formant_scale=float(1.06 + 0.13 * size + rng.normal(0, 0.03)),
        tilt_db=float(rng.uniform(-14, -9)),
        breath=float(rng.uniform(0.01, 0.12)),
        hiss=float(rng.uniform(0.1, 0.3)),
        shake=float(rng.uniform(0.002, 0.012)),
        syllables_per_second=float(rng.uniform(2.6, 5.2)),
    )


@dataclass(frozen=True)
class Score:
    """What the vocal tract does, one row every 5 ms."""

    formants: np.ndarray
    voice: np.ndarray
    hiss: np.ndarray
    """Level, centre and width in Hz of the consonants' noise: [K, 3]."""
    pitch: np.ndarray
    mouth: np.ndarray


def write_score(speaker: Speaker, rng: np.random.Generator, seconds: float) -> Score:
    """Syllables, one after another, for as long as asked."""
    count = int(np.ceil(seconds * SAMPLE_RATE / STEP)) + 2
    per_second = SAMPLE_RATE / STEP
    formants = np.tile(_VOWELS[5, :4], (count, 1))
    voice, mouth, hiss = np.zeros(count), np.zeros(count), np.zeros((count, 3))
    hiss[:, 1:] = (4000, 2000)
    now = rng.uniform(0, 0.12) * per_second
    while now < count:
        length = per_second / speaker.syllables_per_second * rng.uniform(0.7, 1.35)
        onset = rng.uniform(0.15, 0.35) * length
        vowel = _VOWELS[rng.integers(len(_VOWELS))]
        consonant = _CONSONANTS[rng.integers(len(_CONSONANTS))]
        begin, middle, end = (int(min(count, t)) for t in (now, now + onset, now + 0.9 * length))
        stress = rng.uniform(0.55, 1.0)
        formants[begin:] = vowel[:4]
        # An open mouth is a loud one.
        voice[middle:end] = stress * (0.4 + 0.6 * vowel[4])
        mouth[middle:end] = stress * (0.35 + 0.65 * vowel[4])
        if consonant in _HISS_HZ:
            hiss[begin:middle] = (0.35 * stress, *_HISS_HZ[consonant])
        elif consonant:
            voice[begin:middle] = 0.3 * stress
        now += length
        if rng.random() < 0.12:
            now += rng.uniform(0.1, 0.3) * per_second
    # Tongue and lips are slower than the vocal folds.
    hiss[:, 0] = gaussian_filter1d(hiss[:, 0], 1.5)
    return Score(
        formants=gaussian_filter1d(formants, 6, axis=0) * speaker.formant_scale,
        voice=gaussian_filter1d(voice, 3),
        hiss=hiss,
        pitch=_intonation(speaker, rng, count),
        mouth=np.clip(gaussian_filter1d(mouth, 5) * 1.15, 0, 1),
    )


def _intonation(speaker: Speaker, rng: np.random.Generator, count: int) -> np.ndarray:
    """Pitch in Hz, one value a step: it sways, falls towards the end, and is a little rough."""
    sway = gaussian_filter1d(rng.standard_normal(count + 400), 25)[200:-200]
    sway *= speaker.pitch_range * 0.5 / 0.106  # the deviation of noise smoothed that much
    fall = -0.15 * np.linspace(0, 1, count)
    rough = 2 * speaker.shake * gaussian_filter1d(rng.standard_normal(count), 1)
    return np.clip(speaker.pitch_hz * 2 ** (sway + fall + rough), 60, 450)
