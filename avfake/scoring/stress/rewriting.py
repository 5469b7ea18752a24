"""Rewrite a whole file by a cell: decode it, change it, encode it again."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from avfake.media import (
    MediaInfo,
    Waveform,
    iter_frames,
    local_file,
    probe,
    read_sound,
    write_audio,
    write_video,
)
from avfake.scoring.stress.cells import CELLS, Cell
from avfake.storage import AnyPath

RATES = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
"""Sample rates that both MP3 and AAC have, in Hz."""
AUDIO_KBPS = 192
"""Enough that AAC, in which sound is stored beside a picture, changes next to nothing."""
DEFAULT_FPS = 25.0


@dataclass(frozen=True)
class Rewrite:
    """Applies a cell to files. A stream that a file lacks is not added."""

    cell: str

    def __call__(self, source: AnyPath, folder: Path) -> Path:
        """Return the rewritten file, in `folder`; MediaError if the source cannot be read."""
        cell = CELLS[self.cell]
        with local_file(source) as file:
            info = probe(file)
            waveform = _sound(file, info, cell)
            if not info.has_video:
                assert waveform is not None  # probe refuses files with neither
                out = folder / "rewritten.flac"
                write_audio(out, waveform)
                return out
            out = folder / "rewritten.mp4"
            fps = cell.fps or info.fps or DEFAULT_FPS
            write_video(
                out,
                _pictures(file, cell, fps),
                fps=fps,
                waveform=waveform,
                crf=cell.crf,
                audio_kbps=AUDIO_KBPS,
            )
        return out


def at_rate(
    pictures: Iterable[tuple[float, np.ndarray]], fps: float
) -> Iterator[tuple[int, np.ndarray]]:
    """Yield (k, the picture on display in the middle of frame k's time) at a constant rate.

    pictures: (file second, frame), increasing. The first is also shown before its time, so that
    picture and sound stay in step; the last for as long as the one before it was.
    """
    number, shown, since, lasted = 0, None, 0.0, 1 / fps
    for seconds, picture in pictures:
        if shown is not None:
            while (number + 0.5) / fps < seconds:
                yield number, shown
                number += 1
            lasted = seconds - since
        shown, since = picture, seconds
    while shown is not None and (number == 0 or (number + 0.5) / fps < since + lasted):
        yield number, shown
        number += 1


def _pictures(file: Path, cell: Cell, fps: float) -> Iterator[np.ndarray]:
    for number, picture in at_rate(iter_frames(file), fps):
        yield picture if cell.picture is None else cell.picture(picture, number)


def _sound(file: Path, info: MediaInfo, cell: Cell) -> Waveform | None:
    if not info.has_audio:
        return None
    rate = info.sample_rate if info.sample_rate in RATES else max(RATES)
    waveform = read_sound(file, rate).waveform()
    return waveform if cell.sound is None else cell.sound(waveform)
