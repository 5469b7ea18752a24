"""Sound at another rate, all at once or block by block."""

import av
import numpy as np


class Resampler:
    """Mono sound on its way to another rate: the same samples wherever its blocks are cut."""

    def __init__(self, from_rate: int, to_rate: int) -> None:
        self._from, self._to = from_rate, to_rate
        self._given = self._returned = 0
        self._resampler = None
        if from_rate != to_rate:
            self._resampler = av.AudioResampler(format="fltp", layout="mono", rate=to_rate)

    def add(self, samples: np.ndarray) -> np.ndarray:
        """What is ready after float32 [N] more; it lags behind by the length of the filter."""
        self._given += len(samples)
        if self._resampler is None or not len(samples):
            return samples
        whole = np.ascontiguousarray(samples)[None]
        frame = av.AudioFrame.from_ndarray(whole, format="fltp", layout="mono")
        frame.sample_rate = self._from
        return self._returning(self._resampler.resample(frame))

    def end(self) -> np.ndarray:
        """The rest, so that all together are as long as what was given."""
        length = round(self._given * self._to / self._from) - self._returned
        if self._resampler is None or length <= 0:
            return np.zeros(0, np.float32)
        rest = self._returning(self._resampler.resample(None))[:length]
        return np.pad(rest, (0, length - len(rest)))

    def _returning(self, frames: list[av.AudioFrame]) -> np.ndarray:
        blocks = [frame.to_ndarray()[0] for frame in frames]
        samples = np.concatenate(blocks) if blocks else np.zeros(0, np.float32)
        self._returned += len(samples)
        return samples


def resample(samples: np.ndarray, from_rate: int, to_rate: int) -> np.ndarray:
    """float32 [N] at another rate; sample 0 stays at the same instant."""
    if from_rate == to_rate:
        return samples
    resampler = Resampler(from_rate, to_rate)
    return np.concatenate([resampler.add(samples), resampler.end()])
