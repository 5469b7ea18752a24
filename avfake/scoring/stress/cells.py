"""The cells of the stress test: name -> what is done to picture, sound and coding.

A change of a picture is a function of one frame, uint8 [H, W, 3] RGB, and its number; one of sound
keeps its length and rate. Nothing is random: a cell does the same to every file. The transforms are
those that training applies to crops and windows, here on whole frames and the whole sound.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
from PIL import Image

from avfake.augment import change_picture, change_sound
from avfake.errors import ConfigError, nearest
from avfake.media import Waveform

CRF = 18
"""CRF of every cell that is not about coding: so little loss that only the change itself counts."""
MOIRE = {"waves": ((40.0, 25.0), (41.0, 25.6), (39.0, 24.4)), "depth": 0.1}
ECHOES = {"rt60_seconds": 0.6, "direct_db": 3.0, "seed": 0}
TELEPHONE = {"low_hz": 300.0, "high_hz": 3_400.0}


def scaled(frame: np.ndarray, _number: int, *, share: float) -> np.ndarray:
    """Make each side `share` as long, at least 2 px; the frame itself gets smaller."""
    height, width = (max(2, round(share * side)) for side in frame.shape[:2])
    return np.asarray(Image.fromarray(frame).resize((width, height), Image.Resampling.BOX))


def cropped(frame: np.ndarray, _number: int, *, share: float) -> np.ndarray:
    """Return the middle of the frame, each side `share` as long."""
    height, width = frame.shape[:2]
    rows, columns = max(2, round(share * height)), max(2, round(share * width))
    top, left = (height - rows) // 2, (width - columns) // 2
    return frame[top : top + rows, left : left + columns]


def noisy_picture(frame: np.ndarray, number: int, *, deviation: float) -> np.ndarray:
    """Add white noise of so many grey levels, different in every frame."""
    return change_picture(frame, "gaussian_noise", variance=deviation**2, seed=number)


def brightened(frame: np.ndarray, _number: int, *, share: float) -> np.ndarray:
    """Shift grey levels by this share of the range, clipped."""
    return change_picture(frame, "brightness_contrast", contrast=0.0, brightness=share)


def recaptured(frame: np.ndarray, _number: int) -> np.ndarray:
    """Imitate filming a screen: soft, with a moire whose colours differ, and less contrast."""
    height, width = frame.shape[:2]
    soft = change_picture(frame, "blur", deviation_px=0.8)
    # The moire is made for square crops.
    square = np.zeros((max(height, width),) * 2 + (3,), np.uint8)
    square[:height, :width] = soft
    striped = change_picture(square, "moire", **MOIRE)[:height, :width]
    striped = np.ascontiguousarray(striped)
    return change_picture(striped, "brightness_contrast", contrast=-0.2, brightness=0.08)


def changed(name: str, **parameters: Any) -> Callable[[Waveform], Waveform]:
    """Return a function that applies this transform of `augment` to a sound."""
    return partial(change_sound, name=name, **parameters)


def telephoned(waveform: Waveform) -> Waveform:
    """Keep the band of a telephone, at 8 kHz and 8 bits (G.711, mu-law)."""
    if len(waveform.samples) > 1:
        waveform = change_sound(waveform, "band_limit", **TELEPHONE)
    return change_sound(waveform, "audio_codec", codec="mulaw", kbps=0)


def noisy_sound(waveform: Waveform, *, snr_db: float) -> Waveform:
    """Add pink noise, so many dB below the mean power; silence stays silent."""
    power = float(np.mean(waveform.samples.astype(np.float64) ** 2))
    level = float(np.sqrt(power)) * 10 ** (-snr_db / 20)
    return change_sound(waveform, "noise", colour="pink", level=level, seed=0)


def late(waveform: Waveform, *, seconds: float) -> Waveform:
    """Delay the sound against the picture (advance it, if negative) and fill with silence.

    Not wrapped round: a file that is out of step has silence there.
    """
    offset = round(seconds * waveform.sample_rate)
    samples = np.zeros_like(waveform.samples)
    kept = max(0, len(samples) - abs(offset))
    start, source = max(0, offset), max(0, -offset)
    samples[start : start + kept] = waveform.samples[source : source + kept]
    return replace(waveform, samples=samples)


@dataclass(frozen=True)
class Cell:
    """One way in which files get worse."""

    meaning: str
    """Words for a reader of the table."""
    picture: Callable[[np.ndarray, int], np.ndarray] | None = None
    sound: Callable[[Waveform], Waveform] | None = None
    crf: int = CRF
    """Constant rate factor of H.264; higher is coarser."""
    fps: float | None = None
    """None = as many as the file has."""


CELLS: dict[str, Cell] = {
    "rewritten": Cell("written again and else unchanged: what the writing itself does"),
    "crf_23": Cell("H.264 at its default quality", crf=23),
    "crf_28": Cell("H.264, coarse", crf=28),
    "crf_32": Cell("H.264, coarser", crf=32),
    "crf_40": Cell("H.264, very coarse", crf=40),
    "half_size": Cell("half as wide and high", partial(scaled, share=1 / 2)),
    "quarter_size": Cell("a quarter as wide and high", partial(scaled, share=1 / 4)),
    "fps_15": Cell("15 frames a second", fps=15.0),
    "blur": Cell(
        "blurred by 2 px", lambda frame, _: change_picture(frame, "blur", deviation_px=2.0)
    ),
    "picture_noise": Cell("noise of 10 grey levels", partial(noisy_picture, deviation=10.0)),
    "brighter": Cell("brighter by a fifth", partial(brightened, share=0.2)),
    "darker": Cell("darker by a fifth", partial(brightened, share=-0.2)),
    "recaptured": Cell("like a screen filmed off a screen", recaptured),
    "mirrored": Cell("left and right swapped", lambda frame, _: frame[:, ::-1]),
    "cropped": Cell("the middle 80 % of each side", partial(cropped, share=0.8)),
    "black": Cell("black picture", lambda frame, _: np.zeros_like(frame)),
    "mp3_32k": Cell("MP3 at 32 kbit/s", sound=changed("audio_codec", codec="mp3", kbps=32)),
    "opus_16k": Cell("Opus at 16 kbit/s", sound=changed("audio_codec", codec="opus", kbps=16)),
    "telephone": Cell("a telephone's 8 kHz", sound=telephoned),
    "reverb": Cell("reverberation, 0.6 s", sound=changed("reverb", **ECHOES)),
    "noise_20db": Cell("noise 20 dB below", sound=partial(noisy_sound, snr_db=20.0)),
    "noise_10db": Cell("noise 10 dB below", sound=partial(noisy_sound, snr_db=10.0)),
    "louder": Cell("twice the level", sound=changed("gain", decibels=6.0206)),
    "softer": Cell("a quarter of the level", sound=changed("gain", decibels=-12.0412)),
    "late_200ms": Cell("sound 200 ms late", sound=partial(late, seconds=0.2)),
    "early_200ms": Cell("sound 200 ms early", sound=partial(late, seconds=-0.2)),
    "mute": Cell(
        "digital silence", sound=lambda sound: replace(sound, samples=np.zeros_like(sound.samples))
    ),
}


def choose_cells(names: Sequence[str]) -> tuple[str, ...]:
    """Return the cells named, in the order of `CELLS`, or all if none is named."""
    for name in names:
        if name not in CELLS:
            raise ConfigError(
                f"there is no cell {name!r}{nearest(name, CELLS)}; allowed: {', '.join(CELLS)}"
            )
    return tuple(name for name in CELLS if name in names or not names)
