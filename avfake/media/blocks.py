"""Decoded sound in blocks with their times, and its levels."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import av
import numpy as np
from av.audio.plane import AudioPlane

from avfake.errors import Reason
from avfake.media.clock import to_seconds
from avfake.media.opening import Damage, OpenMedia, decoded, read_packets
from avfake.media.types import SILENT_BELOW

CANCELLED = 0.05
"""Channels cancel each other if their mean has less than this share of the energy that the loudest
channel alone would give it (13 dB less). Unrelated channels lose far less."""
AS_LOUD = 0.99
"""Ratio of energies from which two channels count as equally loud; the first is taken."""
OVERSHOOT = 2.0
"""Peak above full scale that lossy codecs reach with sound that was at full scale."""
MAX_SAMPLE = 2.0**32
"""Larger than any integer format holds: a damaged value, not a sample."""
RARE, FEW = 1e-5, 3
"""Share and number of the largest samples that may be damage and do not decide the scale."""


class Levels:
    """Running statistics over all samples of a track: they decide on channels and scale."""

    def __init__(self) -> None:
        self.num_samples = 0
        """Samples of one channel."""
        self._num_values = self._num_bad = 0
        # Sums and sums of squares: of the mono sound, then of each channel.
        self._sums = np.zeros((2, 0))
        self._peak = 0.0
        # Number of mono samples in (2^(i-1), 2^i], and the largest of them, i from 0.
        self._counts = np.zeros(40, np.int64)
        self._largest = np.zeros(40)

    def clean(self, channels: np.ndarray) -> np.ndarray:
        """Return float32 [C, N] with 0 in place of NaN and infinity, which are counted."""
        with np.errstate(invalid="ignore"):
            bad = ~(np.abs(channels) <= MAX_SAMPLE)
        self._num_bad += int(bad.sum())
        return np.where(bad, np.float32(0), channels) if bad.any() else channels

    def add(self, channels: np.ndarray, heard: np.ndarray) -> None:
        """Count float32 [C, N] and the mono sound made of it, float32 [N]."""
        self.num_samples += len(heard)
        self._num_values += channels.size
        if not len(heard):
            return
        self._peak = max(self._peak, float(np.abs(channels).max()))
        sums = np.concatenate([_sums(heard[None]), _sums(channels)], axis=1)
        new = max(0, sums.shape[1] - self._sums.shape[1])
        self._sums = np.pad(self._sums, ((0, 0), (0, new)))
        self._sums[:, : sums.shape[1]] += sums
        size = np.abs(heard)
        large = size[size > 1]
        powers = np.ceil(np.log2(large)).astype(int)
        self._counts += np.bincount(powers, minlength=len(self._counts))
        np.maximum.at(self._largest, powers, large)

    @property
    def is_silent(self) -> bool:
        """Whether all channels are digital silence."""
        return self._peak <= SILENT_BELOW

    @property
    def has_no_numbers(self) -> bool:
        return self._num_bad > 0 and self._num_bad == self._num_values

    def cancelled(self) -> int | None:
        """Return the loudest channel if the channels cancel each other in their mean; else None."""
        # Without the energy of a constant offset, which is not audible.
        energies = self._sums[1] - self._sums[0] ** 2 / max(1, self.num_samples)
        channels, loudest = energies[1:], energies[1:].max(initial=0.0)
        if len(channels) < 2 or loudest <= SILENT_BELOW**2 * self.num_samples:
            return None
        is_lost = energies[0] < CANCELLED * loudest / len(channels) ** 2
        return int((channels > AS_LOUD * loudest).argmax()) if is_lost else None

    def full_scale(self, *, allowed: float) -> float:
        """Return the value that is scaled to 1: 1 itself, unless the peak is above `allowed`."""
        above = self._counts[::-1].cumsum()[::-1]  # samples in this power of two or a higher one
        common = np.flatnonzero(above > max(FEW, RARE * self.num_samples))
        peak = float(self._largest[common[-1]]) if len(common) else 0.0
        return peak if peak > allowed else 1.0

    def notes(self) -> tuple[Reason, ...]:
        if not self._num_bad:
            return ()
        share = 100 * self._num_bad / self._num_values
        return (Reason("file", "not_numbers", f"{share:.2g} % of them, taken as silence"),)


def _sums(samples: np.ndarray) -> np.ndarray:
    """Return float64 [2, C]: sum and sum of squares of [C, N]."""
    squares = np.einsum("cn,cn->c", samples, samples, dtype=np.float64)
    return np.stack([samples.sum(axis=1, dtype=np.float64), squares])


GAP_SECONDS = 0.05
"""Time stamps that differ more than this from the number of samples mean lost or late sound."""
BLOCK_SECONDS = 1.0
"""Frames are joined to blocks of about this length, to be processed at once."""


@dataclass(frozen=True)
class Block:
    """Consecutive sound without a gap."""

    start_seconds: float
    continues: bool
    """Whether it follows the block before it, at the same rate."""
    sample_rate: int
    """Hz."""
    channels: np.ndarray
    """float32 [C, N]; in [-1, 1], unless the file holds floats that are not."""


def sound_blocks(media: OpenMedia, damage: Damage) -> Iterator[Block]:
    """Yield the sound track in use in order of time, without overlap.

    Where time stamps are late against the number of samples, overlapping sound is left out. What is
    lost is counted in `damage`.
    """
    stream = media.audio
    assert stream is not None
    run: _Run | None = None
    for frame in decoded(stream, read_packets(media, stream), damage):
        zero = media.clock.zero_seconds
        seconds = None if frame.pts is None else to_seconds(stream, frame.pts) - zero
        form = (frame.format.name, frame.layout.nb_channels, frame.sample_rate)
        samples = _channels(frame)
        if run is None:
            start = media.clock_of(stream).start_seconds if seconds is None else seconds
            run = _Run(start, form)
        lag = 0.0 if seconds is None else seconds - run.end_seconds
        if abs(lag) > GAP_SECONDS or form != run.form:
            overlap = round(-lag * frame.sample_rate) if lag < -GAP_SECONDS else 0
            samples = samples[:, overlap:]
            if not samples.size:
                continue
            yield from run.blocks()
            run = _Run(run.end_seconds + (lag if lag > GAP_SECONDS else 0.0), form)
        run.waiting.append(samples)
        run.num_samples += samples.shape[1]
        if run.num_samples - run.num_given >= BLOCK_SECONDS * frame.sample_rate:
            yield from run.blocks()
    if run is not None:
        yield from run.blocks()


@dataclass
class _Run:
    """Consecutive frames of one format without a gap, collected to blocks."""

    start_seconds: float
    form: tuple[str, int, int]
    """Sample format, channels, Hz."""
    num_samples: int = 0
    num_given: int = 0
    waiting: list[np.ndarray] = field(default_factory=list)

    @property
    def end_seconds(self) -> float:
        return self.start_seconds + self.num_samples / self.form[2]

    def blocks(self) -> Iterator[Block]:
        """Yield the collected samples as one block, if there are any."""
        if not self.waiting:
            return
        start = self.start_seconds + self.num_given / self.form[2]
        channels = _to_float(np.concatenate(self.waiting, axis=1))
        yield Block(start, self.num_given > 0, self.form[2], channels)
        self.num_given = self.num_samples
        self.waiting = []


def _channels(frame: av.AudioFrame) -> np.ndarray:
    """Return [C, N] as stored."""
    count = frame.layout.nb_channels
    if not frame.format.is_planar:
        return frame.to_ndarray().reshape(-1, count).T
    # PyAV looks for planes up to a null pointer. There is none after eight or more of them, and
    # what stands behind them is no sound, or memory that may not be read.
    name, size = frame.format.name, frame.format.bytes
    dtype = np.dtype(f"{'u' if name == 'u8p' else 'i' if name.startswith('s') else 'f'}{size}")
    planes = [AudioPlane(frame, index) for index in range(count)]
    return np.stack([np.frombuffer(memoryview(plane), dtype, frame.samples) for plane in planes])


def _to_float(samples: np.ndarray) -> np.ndarray:
    """Return float32; integers are scaled to [-1, 1)."""
    if samples.dtype == np.uint8:
        return samples.astype(np.float32) / 128 - 1
    if samples.dtype.kind == "i":
        return (samples / 2.0 ** (8 * samples.dtype.itemsize - 1)).astype(np.float32)
    with np.errstate(over="ignore"):
        return samples.astype(np.float32)
