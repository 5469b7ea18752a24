"""Sound out of a file: mono, at one rate, on the clock of the file."""

import math
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from avfake.errors import MediaError
from avfake.media.opening import OpenMedia, open_media, reopened
from avfake.media.resampling import resample
from avfake.media.track import Spans, Track, read_track
from avfake.media.types import Note, Sound, Waveform

__all__ = ["read_sound", "read_waveform", "resample"]

PIECE_SECONDS = 10.0
"""Length of the pieces that are kept of sound that is too long to be kept whole."""


def read_sound(
    path: str | Path, sample_rate: int = 16_000, *, max_seconds: float | None = None
) -> Sound:
    """Sound of the whole file as mono, the mean of its channels, in pieces without a gap.

    Where there is more of it than `max_seconds`, evenly spread pieces of about 10 s that add up to
    that are kept; all of it is read, in one pass, and only they stay in memory. What lies before
    second 0 is cut. If the track that a player starts with is digital silence, the others are
    tried; if the channels cancel each other, the loudest is heard alone; what goes beyond full
    scale is scaled down to it. `notes` say so. Damaged sound gives what could be decoded;
    MediaError if there is no sound, or none of it could be decoded or is a number.
    """
    return _read(path, _Wanted(sample_rate, max_seconds=max_seconds))


def read_waveform(
    path: str | Path, sample_rate: int = 16_000, *, max_seconds: float | None = None
) -> Waveform:
    """Sound of the file as one array, sample 0 at file second 0, up to `max_seconds`.

    As `read_sound`; a late start and lost stretches are filled with silence.
    """
    until = math.inf if max_seconds is None else max_seconds
    return _read(path, _Wanted(sample_rate, until_seconds=until)).waveform(max_seconds)


@dataclass(frozen=True)
class _Wanted:
    """What of a sound track is asked for."""

    sample_rate: int
    max_seconds: float | None = None
    until_seconds: float = math.inf

    def read(self, media: OpenMedia) -> Track:
        """The track in use; its loudest channel alone, where the mean of all cancels it."""
        assert media.audio is not None
        spans = None
        if self.max_seconds is not None:
            spans = _spread(media.clock_of(media.audio).filled_seconds, self.max_seconds)
        read = partial(
            read_track, sample_rate=self.sample_rate, spans=spans, until_seconds=self.until_seconds
        )
        track = read(media)
        if track.loudest is None:
            return track
        # Which channels cancel is known at the end of the track: it is read a second time.
        with reopened(media) as again:
            alone = read(again, channel=track.loudest)
        return alone.noting(Note("one_channel", f"channel {track.loudest + 1}"))


def _read(path: str | Path, wanted: _Wanted) -> Sound:
    with open_media(path) as media:
        if media.audio is None:
            raise MediaError(path, "no_audio")
        track = _first_heard(media, wanted)
    return Sound(track.pieces, wanted.sample_rate, track.total_seconds, track.notes)


def _first_heard(media: OpenMedia, wanted: _Wanted) -> Track:
    """The first track, in the order of a player's choice, that is not silent; else the first."""
    found: list[Track | MediaError] = []
    for number, index in enumerate(media.tracks):
        try:
            with reopened(media, track=index) if number else nullcontext(media) as opened:
                track = wanted.read(opened)
        except MediaError as error:
            found.append(error)
            continue
        if not track.is_silent:
            noted = Note("other_track", f"stream {index} instead of stream {media.tracks[0]}")
            return track.noting(noted) if number else track
        found.append(track)
    if isinstance(found[0], MediaError):
        raise found[0]
    return found[0]


def _spread(total_seconds: float, max_seconds: float) -> Spans:
    """Pieces of equal length, each in the middle of its share of the sound."""
    if total_seconds <= max_seconds:
        return [(0.0, max_seconds)]
    count = math.ceil(max_seconds / PIECE_SECONDS)
    length, share = max_seconds / count, total_seconds / count
    starts = [(number + 0.5) * share - length / 2 for number in range(count)]
    return [(start, start + length) for start in starts]
