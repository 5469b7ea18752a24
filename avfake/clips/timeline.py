"""Conversion between seconds of a file and seconds of its kept speech."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Timeline:
    """Spans of a file whose concatenation is the kept sound."""

    spans: tuple[tuple[float, float], ...]
    """Start and end of each in seconds of the file, in order of time."""

    @classmethod
    def of(cls, spans: Sequence[Sequence[float]]) -> "Timeline":
        """Return the timeline of pairs of seconds, such as JSON gives."""
        return cls(tuple((float(start), float(end)) for start, end in spans))

    def to_file(self, seconds: np.ndarray, *, end: bool = False) -> np.ndarray:
        """Return the seconds of the file for seconds of the kept sound, any shape.

        end: where one span meets the next, take the end of the first instead of the start of the
            second.
        """
        if not self.spans:
            return np.asarray(seconds, np.float64)
        file, kept = self._starts()
        at = np.searchsorted(kept[1:-1], seconds, side="left" if end else "right")
        return file[at] + np.asarray(seconds, np.float64) - kept[at]

    def to_kept(self, seconds: np.ndarray) -> np.ndarray:
        """Return the seconds of the kept sound for seconds of the file, NaN where none was kept."""
        seconds = np.asarray(seconds, np.float64)
        if not self.spans:
            return np.full(seconds.shape, np.nan)
        file, kept = self._starts()
        ends = np.array([end for _, end in self.spans])
        at = np.searchsorted(file, seconds, side="right") - 1
        inside = (at >= 0) & (seconds < ends[at])
        return np.where(inside, kept[at] + seconds - file[at], np.nan)

    def _starts(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the starts of the spans in the file [S] and in the kept sound [S + 1]."""
        spans = np.array(self.spans)
        return spans[:, 0], np.concatenate([[0.0], np.cumsum(spans[:, 1] - spans[:, 0])])
