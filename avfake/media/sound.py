"""Sound out of a file: mono, at one rate, on the clock of the file."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import av
import numpy as np

from avfake.errors import MediaError
from avfake.media.opening import MAX_GAP_SECONDS, OpenMedia, open_media, read_packets, to_seconds
from avfake.media.types import Waveform

GAP_SECONDS = 0.05
"""Time stamps further than this from the count of samples mean lost or late sound."""


@dataclass
class _Run:
    """Sound without a gap, at one rate."""

    start_seconds: float
    sample_rate: int
    blocks: list[np.ndarray]
    num_samples: int

    @property
    def end_seconds(self) -> float:
        return self.start_seconds + self.num_samples / self.sample_rate


def read_waveform(
    path: str | Path, sample_rate: int = 16_000, *, max_seconds: float | None = None
) -> Waveform:
    """The sound of the file as mono (mean of the channels), sample 0 at file second 0.

    A late start and lost stretches are filled with silence, what lies before second 0 is cut.
    Damaged sound gives what could be decoded; MediaError if there is no sound or none of it could.
    """
    limit = float("inf") if max_seconds is None else max_seconds
    with open_media(path) as media:
        if media.audio is None:
            raise MediaError(path, "no_audio")
        runs = _runs(media, limit)
    if not runs:
        raise MediaError(path, "decode_error", "no sound could be decoded")
    end = min(limit, max(run.end_seconds for run in runs))
    samples = np.zeros(max(0, round(end * sample_rate)), np.float32)
    for run in runs:
        block = resample(np.concatenate(run.blocks), run.sample_rate, sample_rate)
        _place(block, samples, at=round(run.start_seconds * sample_rate))
    return Waveform(samples.clip(-1, 1), sample_rate)


def resample(samples: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """float32 [N] at another rate; sample 0 stays at the same instant."""
    if from_rate == to_rate or not len(samples):
        return samples
    frame = av.AudioFrame.from_ndarray(samples[None], format="fltp", layout="mono")
    frame.sample_rate = from_rate
    resampler = av.AudioResampler(format="fltp", layout="mono", rate=to_rate)
    blocks = [out.to_ndarray()[0] for given in (frame, None) for out in resampler.resample(given)]
    length = round(len(samples) * to_rate / from_rate)
    resampled = np.concatenate(blocks)[:length]
    return np.pad(resampled, (0, length - len(resampled)))


def _runs(media: OpenMedia, limit_seconds: float) -> list[_Run]:
    runs: list[_Run] = []
    for seconds, sample_rate, block in _blocks(media):
        expected = runs[-1].end_seconds if runs else 0.0
        start = expected if seconds is None else seconds
        if start >= limit_seconds:
            break
        if abs(start - expected) > MAX_GAP_SECONDS:
            continue
        jumped = abs(start - expected) > GAP_SECONDS
        if not runs or jumped or sample_rate != runs[-1].sample_rate:
            runs.append(_Run(start, sample_rate, [], 0))
        runs[-1].blocks.append(block)
        runs[-1].num_samples += len(block)
    return runs


def _blocks(media: OpenMedia) -> Iterator[tuple[float | None, int, np.ndarray]]:
    """(file second, Hz, mono float32) of each decoded block; damaged ones are left out."""
    stream = media.audio
    assert stream is not None
    for packet in read_packets(media, stream):
        try:
            frames = stream.decode(packet)
        except av.error.FFmpegError:
            continue
        for frame in frames:
            seconds = to_seconds(stream, frame.pts) - media.start_seconds
            yield None if frame.pts is None else seconds, frame.sample_rate, _mono(frame)


def _mono(frame: av.AudioFrame) -> np.ndarray:
    """float32 [N]; the plain mean, as ffmpeg's own gain depends on the sample format."""
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    mono = samples.mean(axis=0, dtype=np.float64)
    if samples.dtype == np.uint8:
        mono = mono / 128 - 1
    elif samples.dtype.kind == "i":
        mono /= 2.0 ** (8 * samples.dtype.itemsize - 1)
    return np.nan_to_num(mono.astype(np.float32))


def _place(block: np.ndarray, samples: np.ndarray, *, at: int) -> None:
    """Write `block` into `samples` from index `at` on; what does not fit is cut."""
    kept = block[max(0, -at) : max(0, len(samples) - at)]
    samples[max(0, at) : max(0, at) + len(kept)] = kept
