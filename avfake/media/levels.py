"""What is counted over a whole sound track while it is read: it decides on channels and scale."""

import numpy as np

from avfake.media.types import SILENT_BELOW, Note

CANCELLED = 0.05
"""A mean of the channels with less than this share of the energy that the loudest channel alone
would give it is one that cancels: 13 dB too little. Unrelated channels never come near it."""
AS_LOUD = 0.99
"""Of two channels whose energies differ by less, the first is taken."""
OVERSHOOT = 2.0
"""Peak above full scale that lossy codecs reach with sound that was at full scale."""
MAX_SAMPLE = 2.0**32
"""Beyond what any format of whole numbers holds: damage, and no sample."""
RARE, FEW = 1e-5, 3
"""Share of samples, and number, of the largest: they may be damage and do not decide the scale."""


class Levels:
    """Running counts over all samples of a track."""

    def __init__(self) -> None:
        self.num_samples = 0
        """Of one channel."""
        self._num_values = self._num_bad = 0
        # Sums and sums of squares: of what is heard, and by channel.
        self._heard = np.zeros(2)
        self._channels = np.zeros((2, 0))
        self._peak = 0.0
        # Of the mean: how many samples lie in (2^(i-1), 2^i], and the largest of them, i from 0.
        self._counts = np.zeros(40, np.int64)
        self._largest = np.zeros(40)

    def clean(self, channels: np.ndarray) -> np.ndarray:
        """float32 [C, N] with 0 for what is no number, which is counted."""
        with np.errstate(invalid="ignore"):
            bad = ~(np.abs(channels) <= MAX_SAMPLE)
        self._num_bad += int(bad.sum())
        return np.where(bad, np.float32(0), channels) if bad.any() else channels

    def add(self, channels: np.ndarray, heard: np.ndarray) -> None:
        """Count float32 [C, N] and what is heard of it, float32 [N]."""
        self.num_samples += len(heard)
        self._num_values += channels.size
        if not len(heard):
            return
        self._peak = max(self._peak, float(np.abs(channels).max()))
        self._heard += _sums(heard[None])[:, 0]
        sums = _sums(channels)
        width = max(sums.shape[1], self._channels.shape[1])
        self._channels = _widened(self._channels, width) + _widened(sums, width)
        size = np.abs(heard)
        large = size[size > 1]
        powers = np.ceil(np.log2(large)).astype(int)
        self._counts += np.bincount(powers, minlength=len(self._counts))
        np.maximum.at(self._largest, powers, large)

    @property
    def is_silent(self) -> bool:
        """True for digital silence in all channels."""
        return self._peak <= SILENT_BELOW

    @property
    def has_no_numbers(self) -> bool:
        return self._num_bad > 0 and self._num_bad == self._num_values

    def cancelled(self) -> int | None:
        """The loudest channel, where the mean of all is none of their sound; else None."""
        energies = self._energies(self._channels)
        if len(energies) < 2 or energies.max() <= SILENT_BELOW**2 * self.num_samples:
            return None
        alone = energies.max() / len(energies) ** 2
        lost = self._energies(self._heard[:, None])[0] < CANCELLED * alone
        loud = energies > AS_LOUD * energies.max()
        return int(loud.argmax()) if lost else None

    def _energies(self, sums: np.ndarray) -> np.ndarray:
        """Energies without what a constant offset, which is not heard, adds to them."""
        energies: np.ndarray = sums[1] - sums[0] ** 2 / max(1, self.num_samples)
        return energies

    def full_scale(self, *, allowed: float) -> float:
        """The sample that is to become 1: 1 itself, unless the peak is above `allowed`."""
        above = self._counts[::-1].cumsum()[::-1]  # samples in this power of two or a higher one
        common = np.flatnonzero(above > max(FEW, RARE * self.num_samples))
        peak = float(self._largest[common[-1]]) if len(common) else 0.0
        return peak if peak > allowed else 1.0

    def notes(self) -> tuple[Note, ...]:
        if not self._num_bad:
            return ()
        share = 100 * self._num_bad / self._num_values
        return (Note("not_numbers", f"{share:.2g} % of them, taken as silence"),)


def _sums(samples: np.ndarray) -> np.ndarray:
    """float64 [2, C]: sum and sum of squares of [C, N]."""
    squares = np.einsum("cn,cn->c", samples, samples, dtype=np.float64)
    return np.stack([samples.sum(axis=1, dtype=np.float64), squares])


def _widened(sums: np.ndarray, width: int) -> np.ndarray:
    return np.pad(sums, ((0, 0), (0, width - sums.shape[1])))
