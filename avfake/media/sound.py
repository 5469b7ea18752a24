"""Sound of a file: mono, at one rate, on the clock of the file."""

import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np

from avfake import limits
from avfake.errors import MediaError, Reason
from avfake.media.blocks import GAP_SECONDS, OVERSHOOT, Levels, sound_blocks
from avfake.media.opening import Damage, OpenMedia, open_media, reopened
from avfake.media.resampling import Resampler
from avfake.media.types import Sound, SoundPiece

FLOAT_CODECS = ("pcm_f32", "pcm_f64", "pcm_f16", "pcm_f24")
"""Codecs of floats, whose full scale is not certain."""

MAX_RATE = 10_000_000
"""Hz; 13 times the highest rate of recordings. The filter of a damaged one takes gigabytes."""
UNLIMITED = 1e9
"""More seconds than any file has."""

Spans = Sequence[tuple[float, float]]
"""Seconds of the sound of the track without its gaps; increasing, without overlap."""


def _read_track(
    media: OpenMedia, sample_rate: int, max_seconds: float, *, channel: int | None = None
) -> tuple[Sound, bool]:
    """Return the sound of the track in use, and whether all of it is silent.

    It is the mean of the channels, or one of them; only the loudest if they cancel each other.
    MediaError if there is no sample, none could be decoded, or none is a number.
    """
    assert media.audio is not None
    clock = media.clock_of(media.audio)
    levels, damage = Levels(), Damage()
    kept = _Kept(sample_rate, _spread(clock.filled_seconds, max_seconds))
    resampler: Resampler | None = None
    for block in sound_blocks(media, damage):
        channels = levels.clean(block.channels)
        if channel is None:
            # The plain mean, since the gain of ffmpeg depends on the sample format.
            heard = channels.mean(axis=0, dtype=np.float64).astype(np.float32)
        else:
            heard = channels[min(channel, len(channels) - 1)]
        levels.add(channels, heard)
        if resampler is None or not block.continues:
            if block.sample_rate > MAX_RATE:
                detail = f"it states {block.sample_rate} samples a second"
                raise MediaError(media.name, "decode_error", detail)
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
    loudest = levels.cancelled() if channel is None else None
    if loudest is not None:
        # Cancellation is known only at the end of the track, so it is read a second time.
        with reopened(media) as again:
            return _read_track(again, sample_rate, max_seconds, channel=loudest)
    is_float = media.audio.codec_context.name.startswith(FLOAT_CODECS)
    full = levels.full_scale(allowed=1.0 if is_float else OVERSHOOT)
    notes = clock.notes + damage.notes() + levels.notes()
    if full != 1.0:
        notes += (
            Reason("file", "scaled_samples", f"the largest is {full:.8g} where full scale is 1"),
        )
    if channel is not None:
        notes += (Reason("file", "one_channel", f"channel {channel + 1}"),)
    total = kept.num_samples / sample_rate
    return Sound(tuple(kept.pieces(full)), sample_rate, total, notes), levels.is_silent


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
            if begin >= end:
                continue
            if first + begin != self._last_kept:
                self._pieces.append((max(0.0, seconds + begin / self.sample_rate), []))
            # Copied, because a slice would keep the whole block in memory.
            self._pieces[-1][1].append(kept[begin:end].copy())
            self._last_kept = first + end

    def pieces(self, full_scale: float) -> list[SoundPiece]:
        """Return the kept pieces, scaled; samples beyond `full_scale` are clipped."""
        pieces = []
        while self._pieces:  # freed one by one, and scaled in place: a long sound takes much memory
            start, blocks = self._pieces.pop(0)
            samples = np.concatenate(blocks)
            samples *= np.float32(1 / full_scale)
            pieces.append(SoundPiece(start, samples.clip(-1, 1, out=samples)))
        return pieces


PIECE_SECONDS = 10.0
"""Length of the kept pieces of a sound that is too long to be kept whole."""


def read_sound(
    path: str | Path, sample_rate: int = 16_000, *, max_seconds: float = UNLIMITED
) -> Sound:
    """Return the sound of a file as mono, the mean of its channels, in pieces without a gap.

    Of more than `max_seconds`, evenly spread pieces of about 10 s with that total are kept; the
    whole file is read in one pass. Sound before second 0 is cut. If the track that a player would
    choose is digital silence, the others are tried; if the channels cancel each other, the loudest
    alone is used; sound beyond full scale is scaled down. `notes` report each of these. Of damaged
    sound, what could be decoded is returned; MediaError if nothing could, or if there is no sound.
    """
    found: list[Sound | MediaError] = []
    with open_media(path) as media:
        if media.audio is None:
            raise MediaError(path, "no_audio")
        tracks = media.tracks[: limits.current().tracks]
        for number, index in enumerate(tracks):
            try:
                with reopened(media, track=index) if number else nullcontext(media) as opened:
                    sound, is_silent = _read_track(opened, sample_rate, max_seconds)
            except MediaError as error:
                found.append(error)
                continue
            if not is_silent and not number:
                return sound
            if not is_silent:
                instead = f"stream {index} instead of stream {media.tracks[0]}"
                note = Reason("file", "other_track", instead)
                return replace(sound, notes=(*sound.notes, note))
            found.append(sound)
        unheard = len(media.tracks) - len(tracks)
    # None is heard: the answer is that of the first.
    if isinstance(found[0], MediaError):
        raise found[0]
    if unheard:
        note = Reason("file", "left_out", f"{unheard} of {len(media.tracks)} sound tracks")
        return replace(found[0], notes=(*found[0].notes, note))
    return found[0]


def _spread(total_seconds: float, max_seconds: float) -> Spans:
    """Return spans of equal length, each in the middle of its share of the sound."""
    if total_seconds <= max_seconds:
        return [(0.0, max_seconds)]
    count = math.ceil(max_seconds / PIECE_SECONDS)
    length, share = max_seconds / count, total_seconds / count
    starts = [(number + 0.5) * share - length / 2 for number in range(count)]
    return [(start, start + length) for start in starts]
