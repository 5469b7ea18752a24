"""Fingerprints of picture and sound that survive re-encoding, and the pairs they find.

Picture: the perceptual hash of `imagehash`, 64 bits for each of a few frames. Sound: the signs of
how the energy differences of neighbouring bands change in time, 32 bits a step (Haitsma & Kalker
2002); a copy shares some steps exactly, wherever it was cut. That is our own, since chromaprint
needs a program outside of Python.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import imagehash
import numpy as np
import pandas as pd
from PIL import Image

from avfake.media import Frames, Waveform

NUM_FRAMES = 5
PICTURE_LIMIT_BITS = 6.0
"""Limit for the mean over the frames of the 64 bits that differ; unrelated pictures: some 30."""
FLAT_LEVELS = 4.0
"""A frame whose grey levels vary less (black, a fade) has no hash."""

SOUND_RATE, WINDOW, HOP = 5_512, 2_048, 128
BAND_EDGES_HZ = np.geomspace(300, 2_000, 34)
SILENCE_DB = -60.0
MIN_STEPS = 40
"""What both clips must have in common, just under a second."""
SOUND_LIMIT = 0.3
"""Share of bits that may differ. Measured on speech: 0.07 to 0.2 after Opus at 16 kbit/s, 0.45 at
the least between unrelated clips, at their best of 40 shifts."""
COMMON = 24
"""A step that so many clips share is a hum, not a trace."""


@dataclass(frozen=True)
class Fingerprint:
    """The fingerprint of one file; empty where it has no picture or no sound."""

    pictures: np.ndarray
    """uint64 [T], 0 for a frame without a hash."""
    sound: np.ndarray
    """uint32 [N], 0 for silence."""


@dataclass(frozen=True)
class Pair:
    """Two files, by their index, that are near-duplicates."""

    first: int
    second: int
    kind: str
    """"picture" or "sound"."""
    difference: float
    """Share of bits that differ."""


def picture_hashes(frames: Frames) -> np.ndarray:
    """Return a perceptual hash of each frame, uint64 [T]."""
    return np.array([_hash(pixels) for pixels in frames.pixels], np.uint64)


def sound_print(waveform: Waveform) -> np.ndarray:
    """Return the fingerprint of a sound, uint32 [N]: one step of 32 bits each 23 ms."""
    samples = waveform.resampled(SOUND_RATE).samples
    if len(samples) < WINDOW + HOP:
        return np.zeros(0, np.uint32)
    windows = np.lib.stride_tricks.sliding_window_view(samples, WINDOW)[::HOP]  # [N + 1, W]
    power = np.abs(np.fft.rfft(windows * np.hanning(WINDOW), axis=1)) ** 2
    edges = np.searchsorted(np.fft.rfftfreq(WINDOW, 1 / SOUND_RATE), BAND_EDGES_HZ)
    energy = np.add.reduceat(power[:, : edges[-1]], edges[:-1], axis=1)  # [N + 1, 33]
    bits = np.diff(np.diff(energy, axis=1), axis=0) > 0  # [N, 32]
    steps = np.packbits(bits, axis=1).view(">u4")[:, 0].astype(np.uint32)
    loudness = 10 * np.log10(np.mean(np.square(windows), axis=1) + 1e-12)
    return np.where(np.minimum(loudness[1:], loudness[:-1]) > SILENCE_DB, steps, np.uint32(0))


def near_duplicates(prints: Sequence[Fingerprint]) -> list[Pair]:
    """Return all pairs of files alike in picture or in sound."""
    return [*_picture_pairs(prints), *_sound_pairs(prints)]


def _hash(pixels: np.ndarray) -> int:
    small = Image.fromarray(pixels).convert("L").resize((32, 32), Image.Resampling.BOX)
    if np.asarray(small).std() < FLAT_LEVELS:
        return 0
    return int(np.packbits(imagehash.phash(small).hash).view(">u8")[0])


def _picture_pairs(prints: Sequence[Fingerprint], chunk: int = 2048) -> Iterator[Pair]:
    """Compare every pair, frame by frame at equal shares of the duration, as one product."""
    hashes = np.zeros((len(prints), NUM_FRAMES), ">u8")
    for index, one in enumerate(prints):
        hashes[index, : len(one.pictures)] = one.pictures[:NUM_FRAMES]
    known = (hashes != 0).astype(np.float32)  # [N, T]
    bits = np.unpackbits(hashes.view(np.uint8).reshape(len(prints), NUM_FRAMES, 8), axis=2)
    signs = ((2.0 * bits - 1) * known[:, :, None]).reshape(len(prints), -1).astype(np.float32)
    for start in range(0, len(prints), chunk):
        shared = known[start : start + chunk] @ known.T
        differing = (64 * shared - signs[start : start + chunk] @ signs.T) / 2
        mean = differing / np.maximum(shared, 1)
        # One frame in common is not enough: title cards.
        rows, others = np.nonzero((mean <= PICTURE_LIMIT_BITS) & (shared >= min(2, NUM_FRAMES)))
        for row, other in zip(rows.tolist(), others.tolist(), strict=True):
            if start + row < other:
                yield Pair(start + row, other, "picture", float(mean[row, other]) / 64)


def _sound_pairs(prints: Sequence[Fingerprint]) -> Iterator[Pair]:
    """Align pairs that share a step at that step and compare them as a whole."""
    sounds = [one.sound for one in prints]
    files = np.repeat(np.arange(len(sounds)), [len(sound) for sound in sounds])
    steps = pd.DataFrame({"file": files, "step": np.concatenate([np.zeros(0, np.uint32), *sounds])})
    steps["at"] = steps.groupby("file").cumcount()
    holders = steps.groupby("step")["file"].transform("size")
    usable = steps[(steps["step"] != 0) & holders.between(2, COMMON)]
    shared = usable.merge(usable, on="step").query("file_x < file_y")
    shared = shared.assign(shift=shared["at_y"] - shared["at_x"])
    for _, one in shared.groupby(["file_x", "file_y"]):
        first, second = int(one["file_x"].iloc[0]), int(one["file_y"].iloc[0])
        shifts = one["shift"].unique()
        difference = min(_difference(sounds[first], sounds[second], shift) for shift in shifts)
        if difference <= SOUND_LIMIT:
            yield Pair(first, second, "sound", difference)


def _difference(first: np.ndarray, second: np.ndarray, shift: int) -> float:
    """Return the share of bits that differ with `second` shifted by `shift` steps.

    1 for too little sound.
    """
    if shift < 0:
        first, second, shift = second, first, -shift
    length = min(len(first), len(second) - shift)
    if length < MIN_STEPS:
        return 1.0
    first, second = first[:length], second[shift : shift + length]
    audible = (first != 0) & (second != 0)
    if audible.sum() < MIN_STEPS:
        return 1.0
    differing = np.unpackbits((first ^ second)[audible].astype(np.uint32).view(np.uint8))
    return float(differing.mean())
