"""Procedural voices: syllables in a rhythm, a vocal tract that moves, and a recording of it."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from scipy.signal import fftconvolve, lfilter

from avfake.media import Waveform
from avfake.studio.person import between, draw_fields

SAMPLE_RATE = 24_000
STEP = 120
"""Samples between two states of the vocal tract: 5 ms."""

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
    tilt_db: float = between(-14, -9)
    """Slope of the voice's spectrum per octave."""
    breath: float = between(0.01, 0.12)
    """Noise in the voice, as a share of it."""
    hiss: float = between(0.1, 0.3)
    """Strength of the consonants' noise, as a share of the voice."""
    shake: float = between(0.002, 0.012)
    """Roughness of the pitch."""
    syllables_per_second: float = between(2.6, 5.2)


def draw_speaker(rng: np.random.Generator) -> Speaker:
    """Draw one voice; the longer the vocal tract, the lower the pitch, mostly."""
    size = rng.uniform(-1, 1)
    return Speaker(
        pitch_hz=150 * 2 ** (0.65 * size + rng.normal(0, 0.15)),
        pitch_range=rng.uniform(0.06, 0.25),
        formant_scale=1.06 + 0.13 * size + rng.normal(0, 0.03),
        **draw_fields(Speaker, rng),
    )


@dataclass(frozen=True)
class Articulation:
    """The movement of the vocal tract, one row every 5 ms."""

    formants: np.ndarray
    voice: np.ndarray
    hiss: np.ndarray
    """Level, centre and width in Hz of the consonants' noise: [K, 3]."""
    pitch: np.ndarray
    mouth: np.ndarray


def draw_articulation(speaker: Speaker, rng: np.random.Generator, seconds: float) -> Articulation:
    """Draw syllables, one after another, for as long as asked."""
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
    return Articulation(
        formants=gaussian_filter1d(formants, 6, axis=0) * speaker.formant_scale,
        voice=gaussian_filter1d(voice, 3),
        hiss=hiss,
        pitch=_intonation(speaker, rng, count),
        mouth=np.clip(gaussian_filter1d(mouth, 5) * 1.15, 0, 1),
    )


def _intonation(speaker: Speaker, rng: np.random.Generator, count: int) -> np.ndarray:
    """Draw the pitch in Hz: it sways, falls towards the end, and is a little rough."""
    sway = gaussian_filter1d(rng.standard_normal(count + 400), 25)[200:-200]
    sway *= speaker.pitch_range * 0.5 / 0.106  # the deviation of noise smoothed that much
    fall = -0.15 * np.linspace(0, 1, count)
    rough = 2 * speaker.shake * gaussian_filter1d(rng.standard_normal(count), 1)
    return np.clip(speaker.pitch_hz * 2 ** (sway + fall + rough), 60, 450)


_WINDOW = 480
_GLOTTIS = [
    [1, -2 * radius * np.cos(2 * np.pi * hertz / SAMPLE_RATE), radius**2]
    for hertz, radius in ((200, 0.97), (600, 0.96), (1400, 0.95), (2600, 0.94), (4200, 0.93))
]
"""All-pass sections: folds of flesh open slowly and do not click, as pulses of zero phase would."""


@dataclass(frozen=True)
class Acoustics:
    """The echo and the noise of a recording."""

    seed: int
    echo_seconds: float = between(0.05, 0.35)
    echo_share: float = between(0.02, 0.3)
    hiss_db: float = between(-70, -48)
    """Level of the noise under the speech, dB re full scale."""


def draw_acoustics(rng: np.random.Generator) -> Acoustics:
    """Draw the acoustics of one recording."""
    return Acoustics(**draw_fields(Acoustics, rng), seed=int(rng.integers(2**31)))


def synthesise(
    speaker: Speaker, moves: Articulation, rng: np.random.Generator, length: int
) -> np.ndarray:
    """Return dry speech [length]: voice, breath and consonants, each through its filter."""
    steps = np.arange(length) / STEP
    pitch = np.interp(steps, np.arange(len(moves.pitch)), moves.pitch)
    noise = rng.standard_normal((2, length))
    sources = torch.from_numpy(np.stack([_buzz(pitch), *noise]).astype(np.float32))
    window = torch.hann_window(_WINDOW)
    spectra = torch.stft(
        sources, _WINDOW, STEP, window=window, pad_mode="constant", return_complex=True
    )  # [3, F, K]
    count = spectra.shape[2]
    hertz = np.linspace(0, SAMPLE_RATE / 2, spectra.shape[1])[:, None]
    tract = _resonances(hertz, moves.formants[:count])
    tilt = 10 ** (speaker.tilt_db * np.log2(np.maximum(hertz, 150) / 150) / 20)
    level, centre, width = moves.hiss[:count].T
    hiss = level * np.exp(-(((hertz - centre) / width) ** 2))
    voice = moves.voice[:count] * tract
    gains = np.stack([voice * tilt, voice * tilt**0.5, hiss]).astype(np.float32)
    spectra = spectra * torch.from_numpy(gains)
    parts = torch.istft(spectra, _WINDOW, STEP, window=window, length=length)
    parts = parts / (parts.square().mean(dim=1, keepdim=True).sqrt() + 1e-9)
    buzz, breath, hiss = parts.numpy()
    return buzz + speaker.breath * breath + speaker.hiss * hiss


def _buzz(pitch: np.ndarray) -> np.ndarray:
    """Return pulses with all harmonics below 11 kHz at equal strength (Dirichlet's kernel)."""
    phase = 2 * np.pi * np.cumsum(pitch / SAMPLE_RATE)
    harmonics = np.floor(11_000 / pitch)
    half = np.sin(phase / 2)
    half = np.where(np.abs(half) < 1e-6, 1e-6, half)
    pulses = (np.sin((harmonics + 0.5) * phase) / (2 * half) - 0.5) / np.sqrt(harmonics)
    for section in _GLOTTIS:
        pulses = lfilter(section[::-1], section, pulses)
    return pulses


def _resonances(hertz: np.ndarray, formants: np.ndarray) -> np.ndarray:
    """Return the gain of the vocal tract [F, K] for formants [K, 4] in Hz."""
    centres = formants.T[:, None]  # [4, 1, K]
    widths = 50 + 0.05 * centres
    return ((0.12 + widths**2 / ((hertz - centres) ** 2 + widths**2)) ** 0.5).prod(axis=0)


def record(dry: np.ndarray, acoustics: Acoustics) -> np.ndarray:
    """Return a recording at -20 dB, with echo and hiss, float32."""
    rng = np.random.default_rng(acoustics.seed)
    tail = int(acoustics.echo_seconds * SAMPLE_RATE)
    echo = rng.standard_normal(tail) * np.exp(-5 * np.arange(tail) / tail)
    echo *= acoustics.echo_share / np.sqrt(np.sum(echo**2))
    echo[0] += 1
    wet = fftconvolve(dry, echo)[: len(dry)]
    wet = 0.1 * wet / (np.sqrt(np.mean(wet**2)) + 1e-9)
    hiss = gaussian_filter1d(rng.standard_normal(len(dry)), 0.7)
    return (wet + hiss * 10 ** (acoustics.hiss_db / 20)).astype(np.float32)


@dataclass(frozen=True)
class Speech:
    """Speech, as sound and as the movement of a mouth."""

    waveform: Waveform
    mouth_open: np.ndarray
    """float32 [T] in [0, 1], one value a video frame."""


def speak(
    speaker: Speaker, acoustics: Acoustics, rng: np.random.Generator, *, num_frames: int, fps: float
) -> Speech:
    """Return as many syllables as fit into the time, in that voice and those acoustics."""
    seconds = num_frames / fps
    moves = draw_articulation(speaker, rng, seconds)
    length = round(seconds * SAMPLE_RATE)
    dry = synthesise(speaker, moves, rng, length)
    wet = record(dry, acoustics)
    steps = (np.arange(num_frames) + 0.5) / fps * SAMPLE_RATE / STEP
    openings = np.interp(steps, np.arange(len(moves.mouth)), moves.mouth)
    return Speech(Waveform(wet, SAMPLE_RATE), openings.astype(np.float32))
