"""Who speaks, what is said, and how it sounds: a formant synthesiser with a sense of rhythm."""

from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import gaussian_filter1d
from scipy.signal import fftconvolve

from avfake.media.types import Waveform

SAMPLE_RATE = 24_000
_STEP = 120
"""The vocal tract is set anew every 5 ms."""
_WINDOW = 480

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
    shake: float
    """Roughness of the pitch."""
    syllables_per_second: float


@dataclass(frozen=True)
class Room:
    """What the recording adds to a voice."""

    echo_seconds: float
    echo_share: float
    hiss_db: float
    """Level of the noise under the speech, dB re full scale."""
    seed: int


@dataclass(frozen=True)
class Speech:
    """What was said, as sound and as the movement of a mouth."""

    waveform: Waveform
    mouth_open: np.ndarray
    """float32 [T] in [0, 1], one value a video frame."""


def draw_speaker(rng: np.random.Generator) -> Speaker:
    """One voice; the longer the vocal tract, the lower the pitch, mostly."""
    size = rng.uniform(-1, 1)
    return Speaker(
        pitch_hz=float(150 * 2 ** (0.65 * size + rng.normal(0, 0.15))),
        pitch_range=float(rng.uniform(0.06, 0.25)),
        formant_scale=float(1.06 + 0.13 * size + rng.normal(0, 0.03)),
        tilt_db=float(rng.uniform(-13, -7)),
        breath=float(rng.uniform(0.01, 0.12)),
        shake=float(rng.uniform(0.002, 0.012)),
        syllables_per_second=float(rng.uniform(2.6, 5.2)),
    )


def draw_room(rng: np.random.Generator) -> Room:
    """One place to record in."""
    return Room(
        echo_seconds=float(rng.uniform(0.05, 0.35)),
        echo_share=float(rng.uniform(0.02, 0.3)),
        hiss_db=float(rng.uniform(-70, -48)),
        seed=int(rng.integers(2**31)),
    )


def speak(
    speaker: Speaker, room: Room, rng: np.random.Generator, *, num_frames: int, fps: float
) -> Speech:
    """As many syllables as fit into the time, in that voice, recorded in that room."""
    seconds = num_frames / fps
    score = _write_score(speaker, rng, seconds)
    length = round(seconds * SAMPLE_RATE)
    dry = _synthesise(speaker, score, rng, length)
    wet = _record(dry, room)
    places = (np.arange(num_frames) + 0.5) / fps * SAMPLE_RATE / _STEP
    openings = np.interp(places, np.arange(len(score.mouth)), score.mouth)
    return Speech(Waveform(wet, SAMPLE_RATE), openings.astype(np.float32))


@dataclass(frozen=True)
class _Score:
    """What the vocal tract does, one row every 5 ms."""

    formants: np.ndarray
    voice: np.ndarray
    hiss: np.ndarray
    """Level, centre and width in Hz of the consonants' noise: [K, 3]."""
    pitch: np.ndarray
    mouth: np.ndarray


def _write_score(speaker: Speaker, rng: np.random.Generator, seconds: float) -> _Score:
    count = int(np.ceil(seconds * SAMPLE_RATE / _STEP)) + 2
    per_second = SAMPLE_RATE / _STEP
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
        voice[middle:end] = stress
        mouth[middle:end] = stress * (0.35 + 0.65 * vowel[4])
        if consonant in _HISS_HZ:
            hiss[begin:middle] = (0.35 * stress, *_HISS_HZ[consonant])
        elif consonant:
            voice[begin:middle] = 0.3 * stress
        now += length
        if rng.random() < 0.12:
            now += rng.uniform(0.1, 0.3) * per_second
    formants = gaussian_filter1d(formants, 6, axis=0) * speaker.formant_scale
    hiss[:, 0] = gaussian_filter1d(hiss[:, 0], 1.5)
    sway = gaussian_filter1d(rng.standard_normal(count + 400), 25)[200:-200] * np.sqrt(50 * 1.77)
    fall = -0.15 * np.linspace(0, 1, count)
    rough = gaussian_filter1d(rng.standard_normal(count), 1.0) * speaker.shake * 2
    pitch = speaker.pitch_hz * 2 ** (speaker.pitch_range * sway * 0.5 + fall + rough)
    return _Score(
        formants=formants,
        voice=gaussian_filter1d(voice, 3.0),
        hiss=hiss,
        pitch=np.clip(pitch, 60, 450),
        mouth=np.clip(gaussian_filter1d(mouth, 7.0) * 1.15, 0, 1),
    )


def _synthesise(
    speaker: Speaker, score: _Score, rng: np.random.Generator, length: int
) -> np.ndarray:
    """Dry speech [length]: pulses and noise, each through its filter."""
    places = np.arange(length) / _STEP
    pitch = np.interp(places, np.arange(len(score.pitch)), score.pitch)
    sources = np.stack([_buzz(pitch), rng.standard_normal(length)]).astype(np.float32)
    window = torch.hann_window(_WINDOW)
    spectra = torch.stft(
        torch.from_numpy(sources),
        _WINDOW,
        _STEP,
        window=window,
        pad_mode="constant",
        return_complex=True,
    )  # [2, F, K]
    count = spectra.shape[2]
    hertz = np.linspace(0, SAMPLE_RATE / 2, spectra.shape[1])[:, None]
    tract = _resonances(hertz, score.formants[:count])
    tilt = 10 ** (speaker.tilt_db * np.log2(np.maximum(hertz, 150) / 150) / 20)
    level, centre, width = score.hiss[:count].T
    noise = level * np.exp(-(((hertz - centre) / width) ** 2))
    noise = noise + 0.5 * speaker.breath * score.voice[:count] * tract**0.5
    gains = np.stack([score.voice[:count] * tract * tilt, 0.05 * noise]).astype(np.float32)
    mixed = (spectra * torch.from_numpy(gains)).sum(dim=0)
    return torch.istft(mixed, _WINDOW, _STEP, window=window, length=length).numpy()


def _buzz(pitch: np.ndarray) -> np.ndarray:
    """A train of pulses with all harmonics below 11 kHz at equal strength (Dirichlet's kernel)."""
    phase = 2 * np.pi * np.cumsum(pitch / SAMPLE_RATE)
    harmonics = np.floor(11_000 / pitch)
    half = np.sin(phase / 2)
    half = np.where(np.abs(half) < 1e-6, 1e-6, half)
    return (np.sin((harmonics + 0.5) * phase) / (2 * half) - 0.5) / np.sqrt(harmonics)


def _resonances(hertz: np.ndarray, formants: np.ndarray) -> np.ndarray:
    """Gain of the vocal tract [F, K] for formants [K, 4] in Hz."""
    gain = np.ones((len(hertz), len(formants)))
    for index in range(formants.shape[1]):
        centre = formants[:, index]
        width = 50 + 0.05 * centre
        gain = gain * (0.12 + width**2 / ((hertz - centre) ** 2 + width**2)) ** 0.5
    return gain


def _record(dry: np.ndarray, room: Room) -> np.ndarray:
    """float32: echo and hiss added, at a level of -20 dB."""
    rng = np.random.default_rng(room.seed)
    tail = int(room.echo_seconds * SAMPLE_RATE)
    echo = rng.standard_normal(tail) * np.exp(-5 * np.arange(tail) / tail)
    echo *= room.echo_share / np.sqrt(np.sum(echo**2))
    echo[0] += 1
    wet = fftconvolve(dry, echo)[: len(dry)]
    wet = 0.1 * wet / (np.sqrt(np.mean(wet**2)) + 1e-9)
    hiss = gaussian_filter1d(rng.standard_normal(len(dry)), 0.7)
    return (wet + hiss * 10 ** (room.hiss_db / 20)).astype(np.float32)
