"""Resampling of sound, block by block."""

import av
import numpy as np


class Resampler:
    """Resampling block by block; the result does not depend on where the blocks are cut."""

    def __init__(self, from_rate: int, to_rate: int) -> None:
        self._from, self._to = from_rate, to_rate
        self._given = self._returned = 0
        self._resampler = av.AudioResampler(format="fltp", layout="mono", rate=to_rate)

    def add(self, samples: np.ndarray) -> np.ndarray:
        """Add float32 [N] and return the samples that are ready, late by the filter's length."""
        self._given += len(samples)
        if self._from == self._to or not len(samples):
            return samples
        whole = np.ascontiguousarray(samples)[None]
        frame = av.AudioFrame.from_ndarray(whole, format="fltp", layout="mono")
        frame.sample_rate = self._from
        return self._next(frame)

    def end(self) -> np.ndarray:
        """Return the rest, so that input and output have the same duration."""
        length = round(self._given * self._to / self._from) - self._returned
        if self._from == self._to or length <= 0:
            return np.zeros(0, np.float32)
        rest = self._next(None)[:length]
        return np.pad(rest, (0, length - len(rest)))

    def _next(self, frame: av.AudioFrame | None) -> np.ndarray:
        blocks = [ready.to_ndarray()[0] for ready in self._resampler.resample(frame)]
        samples = np.concatenate([np.zeros(0, np.float32), *blocks])
        self._returned += len(samples)
        return samples
