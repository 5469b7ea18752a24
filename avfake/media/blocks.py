"""Decoded sound in blocks, each with its time on the clock of the file."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import av
import numpy as np

from avfake.media.clock import to_seconds
from avfake.media.damage import Damage
from avfake.media.opening import OpenMedia, decoded, read_packets

GAP_SECONDS = 0.05
"""Time stamps further than this from the count of samples mean lost or late sound."""
BLOCK_SECONDS = 1.0
"""Frames are joined to blocks of about this length, to be worked on at once."""


@dataclass(frozen=True)
class Block:
    """Some sound without a gap."""

    start_seconds: float
    continues: bool
    """Whether it follows the block before it, at the same rate."""
    sample_rate: int
    """Hz."""
    channels: np.ndarray
    """float32 [C, N]; in [-1, 1], unless the file holds floats that are not."""


def sound_blocks(media: OpenMedia, damage: Damage) -> Iterator[Block]:
    """The sound track in use, in order of time, never twice for one instant.

    Where time stamps run late against the count of samples, the sound that would lie over sound is
    left out. What is lost is counted in `damage`.
    """
    assert media.audio is not None
    run: _Run | None = None
    for frame, seconds in _frames(media, damage):
        form = (frame.format.name, frame.layout.nb_channels, frame.sample_rate)
        samples = _channels(frame)
        if run is None:
            run = _Run(
                media.clock_of(media.audio).start_seconds if seconds is None else seconds, form
            )
        lag = 0.0 if seconds is None else seconds - run.end_seconds
        if abs(lag) > GAP_SECONDS or form != run.form:
            overlap = max(0, round(-lag * frame.sample_rate)) if lag < -GAP_SECONDS else 0
            samples = samples[:, overlap:]
            if not samples.size:
                continue
            yield from run.blocks()
            run = _Run(run.end_seconds + (lag if lag > GAP_SECONDS else 0.0), form)
        run.add(samples)
        if run.waiting_seconds >= BLOCK_SECONDS:
            yield from run.blocks()
    if run is not None:
        yield from run.blocks()


def _frames(media: OpenMedia, damage: Damage) -> Iterator[tuple[av.AudioFrame, float | None]]:
    stream = media.audio
    assert stream is not None
    for packet in read_packets(media, stream):
        for frame in decoded(stream, packet, damage):
            seconds = to_seconds(stream, frame.pts) - media.start_seconds
            yield frame, None if frame.pts is None else seconds


@dataclass
class _Run:
    """Sound without a gap, in one format."""

    start_seconds: float
    form: tuple[str, int, int]
    """Sample format, channels, Hz."""
    num_samples: int = 0
    num_given: int = 0
    waiting: list[np.ndarray] = field(default_factory=list)

    @property
    def end_seconds(self) -> float:
        return self.start_seconds + self.num_samples / self.form[2]

    @property
    def waiting_seconds(self) -> float:
        return (self.num_samples - self.num_given) / self.form[2]

    def add(self, samples: np.ndarray) -> None:
        self.waiting.append(samples)
        self.num_samples += samples.shape[1]

    def blocks(self) -> Iterator[Block]:
        """What waits as one block; none if nothing does."""
        if not self.waiting:
            return
        start = self.start_seconds + self.num_given / self.form[2]
        channels = _to_float(np.concatenate(self.waiting, axis=1))
        yield Block(start, self.num_given > 0, self.form[2], channels)
        self.num_given = self.num_samples
        self.waiting = []


def _channels(frame: av.AudioFrame) -> np.ndarray:
    """[C, N], as stored."""
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    return samples


def _to_float(samples: np.ndarray) -> np.ndarray:
    """float32; whole numbers become [-1, 1)."""
    if samples.dtype == np.uint8:
        return samples.astype(np.float32) / 128 - 1
    if samples.dtype.kind == "i":
        return (samples / 2.0 ** (8 * samples.dtype.itemsize - 1)).astype(np.float32)
    with np.errstate(over="ignore"):
        return samples.astype(np.float32)
