"""The cells of the stress test: name -> what is done to picture, sound and coding."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from avfake.config import nearest
from avfake.errors import ConfigError
from avfake.media import Waveform
from avfake.scoring.stress import picture, sound

PictureChange = Callable[[np.ndarray, int], np.ndarray]
"""Frame uint8 [H, W, 3] and its number in the file -> frame."""
SoundChange = Callable[[Waveform], Waveform]
CRF = 18
"""CRF of every cell that is not about coding: so little loss that only the change itself counts."""


@dataclass(frozen=True)
class Cell:
    """One way in which files get worse."""

    meaning: str
    """Words for a reader of the table."""
    picture: PictureChange | None = None
    sound: SoundChange | None = None
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
    "half_size": Cell("half as wide and high", partial(picture.scaled, share=1 / 2)),
    "quarter_size": Cell("a quarter as wide and high", partial(picture.scaled, share=1 / 4)),
    "fps_15": Cell("15 frames a second", fps=15.0),
    "blur": Cell("blurred by 2 px", partial(picture.blurred, deviation_px=2.0)),
    "picture_noise": Cell("noise of 10 grey levels", partial(picture.noisy, deviation=10.0)),
    "brighter": Cell("brighter by a fifth", partial(picture.brightened, share=0.2)),
    "darker": Cell("darker by a fifth", partial(picture.brightened, share=-0.2)),
    "recaptured": Cell("like a screen filmed off a screen", picture.recaptured),
    "mirrored": Cell("left and right swapped", picture.mirrored),
    "cropped": Cell("the middle 80 % of each side", partial(picture.cropped, share=0.8)),
    "black": Cell("black picture", picture.black),
    "mp3_32k": Cell("MP3 at 32 kbit/s", sound=partial(sound.coded, codec="mp3", kbps=32)),
    "opus_16k": Cell("Opus at 16 kbit/s", sound=partial(sound.coded, codec="opus", kbps=16)),
    "telephone": Cell("a telephone's 8 kHz", sound=sound.telephoned),
    "reverb": Cell("reverberation, 0.6 s", sound=sound.reverberant),
    "noise_20db": Cell("noise 20 dB below", sound=partial(sound.noisy, snr_db=20.0)),
    "noise_10db": Cell("noise 10 dB below", sound=partial(sound.noisy, snr_db=10.0)),
    "louder": Cell("twice the level", sound=partial(sound.louder, decibels=6.0206)),
    "softer": Cell("a quarter of the level", sound=partial(sound.louder, decibels=-12.0412)),
    "late_200ms": Cell("sound 200 ms late", sound=partial(sound.late, seconds=0.2)),
    "early_200ms": Cell("sound 200 ms early", sound=partial(sound.late, seconds=-0.2)),
    "mute": Cell("digital silence", sound=sound.muted),
}


def choose_cells(names: Sequence[str]) -> tuple[str, ...]:
    """Return the cells named, in the order of `CELLS`, or all if none is named."""
    for name in names:
        if name not in CELLS:
            raise ConfigError(
                f"there is no cell {name!r}{nearest(name, CELLS)}; allowed: {', '.join(CELLS)}"
            )
    return tuple(name for name in CELLS if name in names or not names)
