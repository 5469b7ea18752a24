"""Sound of a file: mono, at one rate, on the clock of the file."""

import math
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from avfake.errors import MediaError
from avfake.media.blocks import GAP_SECONDS, OVERSHOOT, Levels, Resampler, sound_blocks
from avfake.media.opening import Damage, OpenMedia, open_media, reopened
from avfake.media.types import Note, Sound, SoundPiece, Waveform

FLOAT_CODECS = ("pcm_f32", "pcm_f64", "pcm_f16", "pcm_f24")
"""Codecs of floats, whose full scale is not certain."""

UNLIMITED = 1e9
"""More seconds than any file has."""

Spans = Sequence[tuple[float, float]]
"""Seconds of the sound of the track without its gaps; increasing, without overlap."""


def read_track(
    media: OpenMedia,
    sample_rate: int,
    *,
    max_seconds: float,
    until_seconds: float,
    channel: int | None = None,
) -> tuple[Sound, Levels]:
    """Read the sound track in use: the mean of its channels, or one of them, at `sample_rate` Hz.

    Spread pieces of `max_seconds` in all are kept; reading ends at `until_seconds` of the file.
    MediaError if there is no sample, none could be decoded, or none is a number.
    """
    assert media.audio is not None
    clock = media.clock_of(media.audio)
    levels, damage = Levels(), Damage()
    kept = _Kept(sample_rate, _spread(clock.filled_seconds, max_seconds))
    resampler: Resampler | None = None
    for block in sound_blocks(media, damage):
        if block.start_seconds >= until_seconds:
            break
        channels = levels.clean(block.channels)
        if channel is None:
            # The plain mean, since the gain of ffmpeg depends on the sample format.
            heard = channels.mean(axis=0, dtype=np.float64).astype(np.float32)
        else:
            heard = channels[min(channel, len(channels) - 1)]
        levels.add(channels, heard)
        if resampler is None or not block.continues:
            if resampler is not None:
                kept.take(resampler.end())
            resampler = Resampler(block.sample_rate, sample_rate)
            kept.start_at(block.start_seconds)
        kept.take(resampler.add(heard))
    if resampler is None:
        if damage.num_packets:
            raise MediaError(media.name, "decode_error", "no sound could be decoded")
        raise MediaError(media.name, "too_short", "the sound track holds no sample")
    kept.take(resampler.end())
    if levels.has_no_numbers:
        raise MediaError(media.name, "not_numbers", "not one of them is")
    is_float = media.audio.codec_context.name.startswith(FLOAT_CODECS)
    full = levels.full_scale(allowed=1.0 if is_float else OVERSHOOT)
    notes = clock.notes + damage.notes() + levels.notes()
    if full != 1.0:
        notes += (Note("scaled_samples", f"the largest is {full:.8g} where full scale is 1"),)
    total = kept.num_samples / sample_rate
    return Sound(tuple(kept.pieces(full)), sample_rate, total, notes), levels


class _Kept:
    """A collector of sound in order of time; it keeps the spans, from second 0 on."""

    def __init__(self, sample_rate: int, spans: Spans) -> None:
        self.sample_rate = sample_rate
        self.num_samples = 0
        """Samples taken so far, without those before second 0."""
        self._spans = [(round(low * sample_rate), round(high * sample_rate)) for low, high in spans]
        self._start_seconds = 0.0
        self._since_start = 0
        self._pieces: list[tuple[float, list[np.ndarray]]] = []
        self._last_kept = -1
        """Number of the sample after the last kept one."""

    def start_at(self, seconds: float) -> None:
        """Set the time of the next samples; a new piece begins only after a gap."""
        expected = self._start_seconds + self._since_start / self.sample_rate
        if not self.num_samples or seconds - expected > GAP_SECONDS:
            self._start_seconds, self._since_start = seconds, 0
            self._last_kept = -1

    def take(self, samples: np.ndarray) -> None:
        early = max(0, round(-self._start_seconds * self.sample_rate) - self._since_start)
        kept = samples[early:]
        seconds = self._start_seconds + (self._since_start + early) / self.sample_rate
        first = self.num_samples
        self._since_start += len(samples)
        self.num_samples += len(kept)
        for low, high in self._spans:
            begin, end = max(low, first) - first, min(high, self.num_samples) - first
            if begin < end:
                self._keep(kept[begin:end], first + begin, seconds + begin / self.sample_rate)

    def _keep(self, samples: np.ndarray, number: int, seconds: float) -> None:
        if number != self._last_kept:
            self._pieces.append((max(0.0, seconds), []))
        # Copied, because a slice would keep the whole block in memory.
        self._pieces[-1][1].append(samples.copy())
        self._last_kept = number + len(samples)

    def pieces(self, full_scale: float) -> list[SoundPiece]:
        """Return the kept pieces, scaled; samples beyond `full_scale` are clipped."""
        scale = np.float32(1 / full_scale)
        return [
            SoundPiece(start, (np.concatenate(blocks) * scale).clip(-1, 1))
            for start, blocks in self._pieces
        ]


PIECE_SECONDS = 10.0
"""Length of the kept pieces of a sound that is too long to be kept whole."""


def read_sound(
    path: str | Path, sample_rate: int = 16_000, *, max_seconds: float | None = None
) -> Sound:
    """Return the sound of a file as mono, the mean of its channels, in pieces without a gap.

    Of more than `max_seconds`, evenly spread pieces of about 10 s with that total are kept; the
    whole file is read in one pass. Sound before second 0 is cut. If the track that a player would
    choose is digital silence, the others are tried; if the channels cancel each other, the loudest
    alone is used; sound beyond full scale is scaled down. `notes` report each of these. Of damaged
    sound, what could be decoded is returned; MediaError if nothing could, or if there is no sound.
    """
    return _read(path, sample_rate, max_seconds=max_seconds)


def read_waveform(
    path: str | Path, sample_rate: int = 16_000, *, max_seconds: float | None = None
) -> Waveform:
    """Return the sound of a file as one array, sample 0 at file second 0, up to `max_seconds`.

    Read as by `read_sound`; a late start and lost segments are filled with silence.
    """
    return _read(path, sample_rate, until_seconds=max_seconds).waveform(max_seconds)


def _read(
    path: str | Path,
    sample_rate: int,
    *,
    max_seconds: float | None = None,
    until_seconds: float | None = None,
) -> Sound:
    """Return the first track that is not silent, in the order of a player; else the first."""
    read = partial(
        read_track,
        sample_rate=sample_rate,
        max_seconds=UNLIMITED if max_seconds is None else max_seconds,
        until_seconds=UNLIMITED if until_seconds is None else until_seconds,
    )
    found: list[Sound | MediaError] = []
    with open_media(path) as media:
        if media.audio is None:
            raise MediaError(path, "no_audio")
        for number, index in enumerate(media.tracks):
            try:
                with reopened(media, track=index) if number else nullcontext(media) as opened:
                    sound, levels = _read_uncancelled(opened, read)
            except MediaError as error:
                found.append(error)
                continue
            if not levels.is_silent:
                noted = Note("other_track", f"stream {index} instead of stream {media.tracks[0]}")
                return _noting(sound, noted) if number else sound
            found.append(sound)
    if isinstance(found[0], MediaError):
        raise found[0]
    return found[0]


def _read_uncancelled(
    media: OpenMedia, read: Callable[..., tuple[Sound, Levels]]
) -> tuple[Sound, Levels]:
    """Read the track in use; only its loudest channel if the channels cancel each other."""
    sound, levels = read(media)
    loudest = levels.cancelled()
    if loudest is None:
        return sound, levels
    # Cancellation is known only at the end of the track, so it is read a second time.
    with reopened(media) as again:
        alone, levels = read(again, channel=loudest)
    return _noting(alone, Note("one_channel", f"channel {loudest + 1}")), levels


def _noting(sound: Sound, note: Note) -> Sound:
    return replace(sound, notes=(*sound.notes, note))


def _spread(total_seconds: float, max_seconds: float) -> Spans:
    """Return spans of equal length, each in the middle of its share of the sound."""
    if total_seconds <= max_seconds:
        return [(0.0, max_seconds)]
    count = math.ceil(max_seconds / PIECE_SECONDS)
    length, share = max_seconds / count, total_seconds / count
    starts = [(number + 0.5) * share - length / 2 for number in range(count)]
    return [(start, start + length) for start in starts]
