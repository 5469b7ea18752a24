"""Sound and picture of an annotated video: what happens at one time is shown and heard at one time.

A source with flashes and beeps at known times is annotated, and decoded again with nothing of
avfake: the time stamps are those that a player follows.
"""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from avfake.report.annotate import annotate
from avfake.verdict import Verdict

RATE = 48_000
SECONDS = 6.0
EVENTS = (1.0, 3.0, 5.0)
EVENT_SECONDS = 0.2
MOST_SECONDS = 0.040
"""What people do not notice in speech lies near it."""


def is_on(seconds: np.ndarray) -> np.ndarray:
    """Return whether there is a flash and a beep at these times."""
    starts = np.array(EVENTS)[:, None] - 1e-6
    return ((seconds >= starts) & (seconds < starts + EVENT_SECONDS)).any(axis=0)


def write_source(path: Path, fps: Fraction, sound_from: float) -> None:
    """Write black pictures with flashes, and beeps; the sound track begins at `sound_from`."""
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=fps)
        video.width, video.height, video.pix_fmt = 160, 96, "yuv420p"
        audio = container.add_stream("aac", rate=RATE, layout="mono")
        times = np.arange(round(SECONDS * fps)) / float(fps)
        for number, on in enumerate(is_on(times)):
            frame = av.VideoFrame.from_ndarray(np.full((96, 160, 3), 255 * on, np.uint8), "rgb24")
            frame.pts, frame.time_base = number, 1 / fps
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        at = sound_from + np.arange(round((SECONDS - sound_from) * RATE)) / RATE
        samples = (0.8 * np.sin(2 * np.pi * 1000 * at) * is_on(at)).astype(np.float32)
        for start in range(0, len(samples) - 1024, 1024):
            frame = av.AudioFrame.from_ndarray(samples[None, start : start + 1024], "fltp", "mono")
            frame.rate, frame.time_base = RATE, Fraction(1, RATE)
            frame.pts = round(sound_from * RATE) + start
            container.mux(audio.encode(frame))
        container.mux(audio.encode(None))


def flashes(path: Path) -> list[float]:
    """Return the times of the first pictures of flashes."""
    with av.open(str(path)) as container:
        frames = container.decode(video=0)
        # The picture is enlarged threefold; below it are the scores.
        shown = [(one.time, one.to_ndarray(format="gray")[:288].mean() > 128) for one in frames]
    return starts(iter(shown))


def beeps(path: Path) -> list[float]:
    """Return the times at which beeps start."""

    def loud() -> Iterator[tuple[float, bool]]:
        with av.open(str(path)) as container:
            for frame in container.decode(audio=0):
                samples = np.abs(frame.to_ndarray()[0].astype(float))
                for start in range(0, len(samples) - 47, 48):  # a millisecond, one wave
                    time = frame.time + start / frame.sample_rate
                    yield time, samples[start : start + 48].max() > 0.3

    return starts(loud())


def starts(shown: Iterator[tuple[float, bool]]) -> list[float]:
    found, before = [], False
    for time, on in shown:
        if on and not before:
            found.append(time)
        before = on
    return found


@pytest.mark.parametrize(
    ("fps", "sound_from"), [(Fraction(25), 0.0), (Fraction(30_000, 1001), 0.35)]
)
def test_sound_keeps_its_place_beside_the_picture(
    tmp_path: Path, fps: Fraction, sound_from: float
) -> None:
    path, out = tmp_path / "a.mp4", tmp_path / "out.mp4"
    write_source(path, fps, sound_from)
    of_source = offsets(path)
    annotate(path, Verdict("a.mp4", "unsure", None, None, None, "failed"), out)
    kept = offsets(out)
    assert np.abs(of_source).max() < 0.01  # measured: 0.7 and 6.3 ms, in the result 0.7 and 6.0
    assert np.abs(kept).max() <= MOST_SECONDS


def offsets(path: Path) -> np.ndarray:
    """Return, for each event, by how many seconds the sound comes after the picture."""
    seen, heard = flashes(path), beeps(path)
    assert len(seen) == len(heard) == len(EVENTS)
    return np.array(heard) - np.array(seen)
