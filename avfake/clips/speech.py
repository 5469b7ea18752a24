"""Find the speech in a sound, so that a voice is scored on speech alone.

Three steps. Quiet parts (digital silence, dither, clean pauses) are cut out sample by
sample, so that the same speech with a pause more or less is the same input. The network of Silero
VAD (https://github.com/snakers4/silero-vad, MIT; its weights come inside the package `silero-vad`)
gives the probability of speech every 32 ms. A passage is kept only if the network is sure of some
of it and if it has unvoiced sounds: sirens and melodies can look like vowels, but speech
alternates with hiss and breath.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from avfake.clips.silero_vad import FRAME, RATE, speech_probabilities
from avfake.errors import ConfigError, check_ranges
from avfake.media import Waveform

LOUD_SECONDS = 0.02
"""Duration of the loudest samples that define the reference level."""
UNVOICED_BAND_HZ = (300.0, 3400.0)
"""Band in which hiss and breath are measured: that of a telephone."""
BLOCK_FRAMES, BLOCK_SAMPLES = 4096, 4_000_000
"""Frames whose spectra, and samples whose sizes, are in memory at once."""


@dataclass(frozen=True)
class SpeechConfig:
    """What counts as speech.

    Chosen on 1,779 recordings of speech and 1,000 generated sounds without any (hums, tones, noise,
    melodies, sirens, engines): 14 recordings and none of the sounds are classified wrongly.
    """

    threshold: float = 0.5
    """Probability from which a frame is speech..."""
    end_threshold: float = 0.35
    """...and below which speech ends."""
    min_seconds: float = 0.4
    """A passage with less speech than this is left out."""
    sure: float = 0.8
    """Mean probability that the surest quarter of a second of a passage needs."""
    unvoiced_flatness_db: float = -16.0
    """Spectral flatness that the flattest tenth of the frames of a passage needs; recordings of
    speech have -15 or more, melodies without noise -30 or less."""
    passage_gap_seconds: float = 1.0
    """A longer pause ends a passage."""
    pad_seconds: float = 0.1
    """Kept before and after what the network calls speech; shorter pauses are kept, too."""
    quiet_db: float = -50.0
    """Relative to the loudest samples; what stays below it..."""
    quiet_seconds: float = 0.05
    """...for this long is a pause, whatever the network says."""
    click_seconds: float = 0.01
    """A shorter sound between two pauses is a click, and left out as well."""

    def __post_init__(self) -> None:
        if not 0 < self.end_threshold <= self.threshold < 1 or not 0 <= self.sure < 1:
            raise ConfigError(
                f"speech.threshold is {self.threshold}, end_threshold {self.end_threshold}, sure "
                f"{self.sure}; allowed: 0 < end_threshold <= threshold < 1 and 0 <= sure < 1"
            )
        names = ("min_seconds", "passage_gap_seconds", "pad_seconds", "quiet_seconds")
        check_ranges(self, "speech", **dict.fromkeys((*names, "click_seconds"), "(0, 60]"))


Number = TypeVar("Number", int, float)
Span = tuple[int, int]
"""First sample and the one after the last."""


def find_speech(samples: np.ndarray, sample_rate: int, config: SpeechConfig) -> list[Span]:
    """Return the spans of speech in a sound, in order of time, without pauses.

    Args:
        samples: float32 [N] mono, at any level
        sample_rate: Hz
    """
    loud = loud_spans(samples, sample_rate, config)
    if not loud:
        return []
    compact = np.concatenate([samples[start:end] for start, end in loud])
    length, compact_16k = len(compact), Waveform(compact, sample_rate).resampled(RATE).samples
    del compact  # a long sound takes much memory
    compact_16k = _levelled(compact_16k)
    probabilities = speech_probabilities(compact_16k)
    frames = _passages(probabilities, _flatness_db(compact_16k, len(probabilities)), config)
    scale = sample_rate / RATE
    spoken = [
        (round(start * FRAME * scale), min(length, round(end * FRAME * scale)))
        for start, end in frames
    ]
    return expand_spans(spoken, loud)


def loud_spans(samples: np.ndarray, sample_rate: int, config: SpeechConfig) -> list[Span]:
    """Return the spans of a sound without its quiet parts; none for digital silence."""
    level = _loud_level(samples, sample_rate)
    if level <= 0.5 / 32768:
        return []
    starts, ends = _edges(np.abs(samples) > level * 10 ** (config.quiet_db / 20))
    longest = round(config.quiet_seconds * sample_rate)
    is_pause = starts[1:] - ends[:-1] >= longest
    starts, ends = starts[np.append(True, is_pause)], ends[np.append(is_pause, True)]
    shortest = round(config.click_seconds * sample_rate)
    spans = zip(starts.tolist(), ends.tolist(), strict=True)
    return [(start, end) for start, end in spans if end - start >= shortest]


def spread_spans(spans: list[Span], limit: int, *, piece: int) -> list[Span]:
    """Return spans of at most `limit` samples in all, in pieces spread evenly over the given ones.

    piece: length of a piece, in samples
    """
    total = sum(end - start for start, end in spans)
    if total <= limit:
        return spans
    count = max(1, limit // piece)
    starts = np.linspace(0, total - piece, count).round().astype(int)
    return expand_spans([(start, start + piece) for start in starts.tolist()], spans)


def expand_spans(
    spans: list[Span], parts: Iterable[tuple[Number, Number]]
) -> list[tuple[Number, Number]]:
    """Convert spans of concatenated parts of a sound to spans of the whole, in order of time.

    Args:
        spans: first sample and the one after the last, counted in what the parts are together
        parts: start and end of each, in samples of the whole; fractions where a part starts between
            two of its samples
    """
    found: list[tuple[Number, Number]] = []
    offset = 0
    for first, last in parts:
        length = round(last - first)
        for start, end in spans:
            low, high = max(start, offset), min(end, offset + length)
            if low < high:
                found.append((first + low - offset, first + high - offset))
        offset += length
    return found


def _loud_level(samples: np.ndarray, sample_rate: int) -> float:
    """Return the level that the loudest 20 ms of samples exceed; quiet parts do not affect it."""
    count = min(len(samples), round(LOUD_SECONDS * sample_rate))
    if not count:
        return 0.0
    largest = np.zeros(0, np.float32)
    for first in range(0, len(samples), BLOCK_SAMPLES):
        sizes = np.append(largest, np.abs(samples[first : first + BLOCK_SAMPLES]))
        kept = min(count, len(sizes))
        largest = np.partition(sizes, -kept)[-kept:]
    return float(largest.min())


def _levelled(samples: np.ndarray) -> np.ndarray:
    """Put loud samples at 0.5, without offset, so that loudness has no influence; in place."""
    samples -= samples.mean()
    samples *= np.float32(0.5 / max(_loud_level(samples, RATE), 1e-5))
    return samples.clip(-1, 1, out=samples)


def _flatness_db(samples: np.ndarray, num_frames: int) -> np.ndarray:
    """Return float32 [T]: geometric over arithmetic mean power in the telephone band."""
    frames = np.pad(samples, (0, num_frames * FRAME - len(samples))).reshape(num_frames, FRAME)
    hertz = np.fft.rfftfreq(FRAME, 1 / RATE)
    in_band = (hertz > UNVOICED_BAND_HZ[0]) & (hertz < UNVOICED_BAND_HZ[1])
    found = np.zeros(num_frames, np.float32)
    for first in range(0, num_frames, BLOCK_FRAMES):
        block = slice(first, first + BLOCK_FRAMES)
        power = np.abs(np.fft.rfft(frames[block] * np.hanning(FRAME))) ** 2
        band = power[:, in_band] + 1e-12
        found[block] = 10 * (np.log10(band).mean(1) - np.log10(band.mean(1)))
    return found


def _passages(
    probabilities: np.ndarray, flatness_db: np.ndarray, config: SpeechConfig
) -> list[Span]:
    """Return padded spans of frames of the passages that are speech."""
    runs = [
        (start, end)
        for start, end in _true_spans(probabilities >= config.end_threshold)
        if probabilities[start:end].max() >= config.threshold
    ]
    gap, pad = config.passage_gap_seconds * RATE / FRAME, round(config.pad_seconds * RATE / FRAME)
    breaks = [i for i in range(1, len(runs)) if runs[i][0] - runs[i - 1][1] > gap]
    kept = np.zeros(len(probabilities), bool)
    for first, last in zip([0, *breaks], [*breaks, len(runs)], strict=True):
        passage = runs[first:last]
        frames = np.concatenate([np.arange(*run) for run in passage] or [np.zeros(0, int)])
        if _is_speech(probabilities[frames], flatness_db[frames], config):
            for start, end in passage:
                kept[max(0, start - pad) : end + pad] = True
    return _true_spans(kept)


def _true_spans(flags: np.ndarray) -> list[Span]:
    return list(zip(*(edges.tolist() for edges in _edges(flags)), strict=True))


def _edges(flags: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the starts of the runs of True in bool [N], and the ends, both int64."""
    no = np.int8(0)  # of the same type, or all would be widened
    edges = np.flatnonzero(np.diff(flags.view(np.int8), prepend=no, append=no))
    return edges[::2], edges[1::2]


def _is_speech(probabilities: np.ndarray, flatness_db: np.ndarray, config: SpeechConfig) -> bool:
    quarter = round(0.25 * RATE / FRAME)
    speech = probabilities >= config.threshold
    return bool(
        speech.sum() * FRAME / RATE >= config.min_seconds
        and np.sort(probabilities)[-quarter:].mean() >= config.sure
        and np.quantile(flatness_db[speech], 0.9) >= config.unvoiced_flatness_db
    )
