"""How much of a stream could not be decoded."""

from avfake.media.types import Note

MAX_AT_END = 2
"""Packets lost at the end of a file that was cut off: that its end is missing says it already."""
MAX_SHARE_AT_START = 0.2
"""Packets lost before the first picture or sound may refer to others before the file begins."""
MIN_SHARE = 0.005
"""Less of a stream than this is not worth a word."""


class Damage:
    """Counts packets while they are decoded."""

    def __init__(self) -> None:
        self.num_packets = 0
        self._at_start = self._between = self._since_last = 0
        self._has_content = False

    def add(self, *, lost: bool, gave: bool) -> None:
        """Count a packet: whether it could not be decoded, and whether anything came out."""
        self.num_packets += 1
        self._since_last += lost
        if gave and not self._has_content:
            self._at_start, self._since_last, self._has_content = self._since_last, 0, True
        elif gave:
            self._between, self._since_last = self._between + self._since_last, 0

    @property
    def num_lost(self) -> int:
        """Packets lost, without those that a cut at either end explains."""
        lost = self._between
        if self._since_last > MAX_AT_END:
            lost += self._since_last
        if self._at_start > MAX_SHARE_AT_START * self.num_packets:
            lost += self._at_start
        return lost

    def notes(self) -> tuple[Note, ...]:
        if self.num_lost <= MIN_SHARE * self.num_packets:
            return ()
        return (Note("damaged", f"{self.num_lost} of {self.num_packets} packets"),)
