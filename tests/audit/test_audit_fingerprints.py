"""Copies are found through re-encoding and cutting; what is not a copy is not."""

from pathlib import Path

import numpy as np
from scipy.ndimage import gaussian_filter

from avfake.audit.fingerprints import Fingerprint, near_duplicates, picture_hashes, sound_print
from avfake.media.sound import read_sound
from avfake.media.types import Frames, Waveform
from avfake.media.writing import write_audio

NOTHING = np.zeros(0, np.uint32)
RATE = 16_000


def babble(seed: int, seconds: float = 4.0) -> Waveform:
    """Noise whose bands come and go, as those of speech do."""
    rng = np.random.default_rng(seed)
    times = np.arange(round(seconds * RATE)) / RATE
    sound = np.zeros(len(times))
    for pitch in rng.uniform(200, 2500, 30):
        knots = rng.random(round(seconds * 10) + 1)
        envelope = np.interp(times, np.linspace(0, seconds, len(knots)), knots)
        sound += envelope**3 * np.sin(2 * np.pi * pitch * times + rng.uniform(0, 6))
    return Waveform((0.3 * sound / np.abs(sound).max()).astype(np.float32), RATE)


def scenes(seed: int, count: int = 5) -> Frames:
    rng = np.random.default_rng(seed)
    smooth = gaussian_filter(rng.normal(size=(count, 96, 128, 3)), (0, 8, 8, 0))
    smooth = (smooth - smooth.min()) / np.ptp(smooth)
    return Frames((255 * smooth).astype(np.uint8), np.arange(float(count)))


def test_a_sound_is_found_again_in_a_poor_copy_and_in_a_cut_one(tmp_path: Path) -> None:
    sound = babble(0)
    write_audio(tmp_path / "poor.mp3", sound, kbps=32)
    poor = read_sound(tmp_path / "poor.mp3", RATE).waveform()
    cut = Waveform(0.5 * sound.samples[RATE:], RATE)
    others = [babble(seed) for seed in range(1, 20)]
    prints = [Fingerprint(NOTHING, sound_print(one)) for one in (sound, poor, cut, *others)]
    pairs = near_duplicates(prints)
    assert {(pair.first, pair.second) for pair in pairs} == {(0, 1), (0, 2), (1, 2)}
    assert {pair.kind for pair in pairs} == {"sound"}


def test_silence_and_noise_of_a_codec_are_not_alike() -> None:
    quiet = [np.random.default_rng(k).normal(size=4 * RATE) * 1e-4 for k in (0, 1)]
    prints = [
        Fingerprint(NOTHING, sound_print(Waveform(q.astype(np.float32), RATE))) for q in quiet
    ]
    assert not any(one.sound.any() for one in prints)
    assert near_duplicates([*prints, Fingerprint(NOTHING, NOTHING)]) == []


def test_pictures_are_found_again_smaller_brighter_and_noisy() -> None:
    frames = scenes(0)
    rng = np.random.default_rng(1)
    smaller = frames.pixels[:, ::2, ::2].astype(float) * 0.8 + 30
    worse = (smaller + rng.normal(0, 6, smaller.shape)).clip(0, 255).astype(np.uint8)
    shown = [frames, Frames(worse, frames.seconds), *(scenes(seed) for seed in range(2, 30))]
    pairs = near_duplicates([Fingerprint(picture_hashes(one), NOTHING) for one in shown])
    assert [(pair.first, pair.second, pair.kind) for pair in pairs] == [(0, 1, "picture")]


def test_black_pictures_are_not_alike() -> None:
    black = Frames(np.zeros((5, 64, 64, 3), np.uint8), np.arange(5.0))
    prints = [Fingerprint(picture_hashes(black), NOTHING)] * 2
    assert near_duplicates(prints) == []
