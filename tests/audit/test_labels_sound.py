"""A copy of a sound stays a copy through every channel; a voice made anew never reads as one."""

import csv
from pathlib import Path

import numpy as np
import pytest
from real_media import REAL_MEDIA
from scipy.signal import butter, istft, sosfilt, stft

from avfake.audit.labels.sound import compare_sound
from avfake.forgery.vocoders import CONVERSIONS, convert_voice
from avfake.media.sound import read_sound
from avfake.media.types import Waveform
from avfake.media.writing import write_audio

RATE = 16_000
VOICES = REAL_MEDIA / "voice"


def speech(seed: int = 0, seconds: float = 3.0) -> Waveform:
    """Gliding harmonics in syllables, with breath and a room's noise: no two periods alike."""
    rng = np.random.default_rng(seed)
    times = np.arange(int(seconds * RATE)) / RATE
    glide = np.interp(times, np.linspace(0, seconds, 8), rng.uniform(95, 180, 8))
    phase = 2 * np.pi * np.cumsum(glide) / RATE
    voiced = sum(np.cos(k * phase + k) / k for k in range(1, 40) if k * 180 < RATE / 2)
    breath = sosfilt(butter(2, 2000, "high", fs=RATE, output="sos"), rng.normal(0, 1, len(times)))
    loudness = np.interp(times, np.arange(0, seconds, 0.12), rng.uniform(0, 1, int(seconds / 0.12)))
    samples = 0.08 * loudness * (voiced + 0.3 * breath) + 0.001 * rng.normal(0, 1, len(times))
    return Waveform(samples.astype(np.float32), RATE)


def like(samples: np.ndarray, sample_rate: int = RATE) -> Waveform:
    return Waveform(samples.astype(np.float32), sample_rate)


def coded(waveform: Waveform, path: Path, *, kbps: int, sample_rate: int) -> Waveform:
    write_audio(path, at(waveform, sample_rate), kbps=kbps)
    return read_sound(path, RATE).waveform()


def at(waveform: Waveform, sample_rate: int) -> Waveform:
    return like(waveform.resampled(sample_rate).samples, sample_rate)


SAME = {
    "itself": lambda w: w,
    "quieter": lambda w: like(0.2 * w.samples),
    "hardly to be heard": lambda w: like(3e-3 * w.samples),
    "beyond full scale": lambda w: like(1e3 * w.samples),
    "inverted": lambda w: like(-w.samples),
    "later": lambda w: like(np.concatenate([np.zeros(3200), w.samples])),
    "earlier": lambda w: like(w.samples[3200:]),
    "later by seconds": lambda w: like(np.concatenate([np.zeros(7 * RATE), w.samples])),
    "earlier by seconds": lambda w: like(w.samples[2 * RATE :]),
    "cut out": lambda w: like(w.samples[RATE : 2 * RATE]),
    "at 8 kHz": lambda w: at(w, 8000),
    "at 44.1 kHz": lambda w: at(w, 44_100),
    "filtered": lambda w: like(
        sosfilt(butter(2, [200, 3000], "band", fs=RATE, output="sos"), w.samples)
    ),
    "noisy": lambda w: like(
        w.samples + 0.05 * w.samples.std() * np.random.default_rng(1).normal(size=len(w.samples))
    ),
}


@pytest.mark.parametrize("name", SAME)
def test_a_copy_reads_as_unchanged(name: str) -> None:
    found = compare_sound(SAME[name](speech()), speech())
    assert found.changed is False, found


@pytest.mark.parametrize("ending", ["m4a", "mp3"])
@pytest.mark.parametrize(("kbps", "sample_rate"), [(64, 16_000), (64, 44_100), (128, 44_100)])
def test_an_encoded_copy_reads_as_unchanged(
    ending: str, kbps: int, sample_rate: int, tmp_path: Path
) -> None:
    if ending == "mp3" and (kbps, sample_rate) == (64, 16_000):
        sample_rate = 22_050
    copy = coded(speech(), tmp_path / f"a.{ending}", kbps=kbps, sample_rate=sample_rate)
    found = compare_sound(copy, speech())
    assert found.changed is False, found


def test_all_nuisances_together_read_as_unchanged(tmp_path: Path) -> None:
    once = coded(speech(), tmp_path / "a.m4a", kbps=64, sample_rate=44_100)
    low = at(at(once, 8000), RATE)
    late = like(np.concatenate([np.zeros(1234), 0.5 * low.samples]))
    found = compare_sound(coded(late, tmp_path / "b.m4a", kbps=64, sample_rate=44_100), speech())
    assert found.changed is False, found
    assert found.offset_seconds == pytest.approx(1234 / RATE, abs=0.002)


@pytest.mark.parametrize("gain", [0.03, 2.0])
@pytest.mark.parametrize("ending", ["m4a", "mp3", "opus"])
def test_a_cut_encoded_at_another_level_reads_as_unchanged(
    gain: float, ending: str, tmp_path: Path
) -> None:
    recording = speech(seconds=6.0)
    cut = like(gain * recording.samples[3 * RATE : 5 * RATE])
    copy = coded(cut, tmp_path / f"a.{ending}", kbps=64, sample_rate=24_000)
    found = compare_sound(copy, recording)
    assert found.changed is False, found
    assert found.offset_seconds == pytest.approx(-3.0, abs=0.002)


@pytest.mark.parametrize("with_noise", [0.05, 0.1])
def test_noise_is_no_change(with_noise: float) -> None:
    loud = speech().samples
    samples = np.concatenate([0.02 * loud, loud, 0.02 * speech(seed=1).samples])
    noise = with_noise * samples.std() * np.random.default_rng(0).normal(size=len(samples))
    assert compare_sound(like(samples + noise), like(samples)).changed is not True


@pytest.mark.parametrize("start", [1.2, 2.4])
def test_two_cuts_that_overlap_say_nothing_of_the_rest(start: float) -> None:
    recording = speech(seconds=6.0).samples
    later = recording[int(start * RATE) : int((start + 3.2) * RATE)]
    found = compare_sound(like(later), like(recording[: int(3.2 * RATE)]))
    assert (found.changed, found.why) == (None, "partly")
    assert found.offset_seconds == pytest.approx(-start, abs=1e-4)


def test_a_copy_with_more_behind_it_is_not_called_unchanged() -> None:
    more = np.concatenate([speech().samples, speech(seed=5).samples])
    assert compare_sound(like(more), speech()).why == "partly"
    quiet = np.concatenate([speech().samples, 0.01 * speech(seed=5).samples])
    assert compare_sound(like(quiet), speech()).changed is False


@pytest.mark.parametrize("hertz", [400, 1000])
def test_a_voice_that_keeps_its_low_partials_alone_is_not_called_unchanged(hertz: float) -> None:
    """As neural codecs of few kbit/s do: most of the energy is kept, most of the bands are not."""
    frequencies, _, spectrum = stft(speech().samples, fs=RATE, nperseg=512)
    turned = np.exp(2j * np.pi * np.random.default_rng(0).random(spectrum.shape))
    _, made = istft(np.where(frequencies[:, None] < hertz, spectrum, spectrum * turned), fs=RATE)
    assert compare_sound(like(made), speech()).changed is not False


@pytest.mark.parametrize("milliseconds", [-200, -35, 35, 200])
def test_the_offset_is_found(milliseconds: int) -> None:
    shift = milliseconds * RATE // 1000
    samples = speech().samples
    moved = np.concatenate([np.zeros(shift), samples]) if shift > 0 else samples[-shift:]
    found = compare_sound(like(moved), speech())
    assert found.offset_seconds == pytest.approx(milliseconds / 1000, abs=1e-4)


@pytest.mark.parametrize("method", CONVERSIONS)
@pytest.mark.parametrize("difficulty", [0.3, 1.0])
def test_a_converted_voice_reads_as_changed(method, difficulty: float) -> None:
    made = convert_voice(
        speech(),
        method=method,
        pitch_ratio=1.25,
        formant_ratio=1.1,
        difficulty=difficulty,
        rng=np.random.default_rng(0),
    )
    found = compare_sound(made, speech())
    assert found.changed is True, found


@pytest.mark.parametrize("method", ["griffin_lim", "pulse_vocoder"])
def test_the_same_voice_made_anew_reads_as_changed(method) -> None:
    made = convert_voice(
        speech(),
        method=method,
        pitch_ratio=1.0,
        formant_ratio=1.0,
        difficulty=0.5,
        rng=np.random.default_rng(0),
    )
    assert compare_sound(made, speech()).changed is True


def test_one_replaced_second_reads_as_changed() -> None:
    samples = speech().samples.copy()
    samples[RATE : 2 * RATE] = speech(seed=5).samples[RATE : 2 * RATE]
    found = compare_sound(like(samples), speech())
    assert found.changed is True
    assert found.residual_db < found.worst_residual_db


def test_another_sound_reads_as_changed() -> None:
    found = compare_sound(speech(seed=7), speech())
    assert found.changed is True
    assert found.residual_db > -3


def test_silence_and_scraps_are_not_judged() -> None:
    silence = like(np.zeros(2 * RATE))
    assert compare_sound(silence, speech()) == compare_sound(speech(), silence)
    assert compare_sound(silence, speech()).why == "silent"
    scrap = compare_sound(like(speech().samples[:3000]), speech())
    assert (scrap.changed, scrap.why) == (None, "too_short")


@pytest.mark.skipif(not VOICES.exists(), reason="the real clips are not here")
def test_real_voices_made_anew_read_as_changed() -> None:
    """Each sixth pair: none reads as unchanged, nearly all as changed."""
    with (VOICES / "manifest.csv").open() as file:
        pairs = [row for row in csv.DictReader(file) if row["pair_of"]]
    here = [r for r in pairs if all((VOICES / r[k]).exists() for k in ("filename", "pair_of"))]
    said = {True: 0, None: 0}
    for row in here[::6]:
        sounds = [read_sound(VOICES / row[key], RATE).waveform() for key in ("filename", "pair_of")]
        found = compare_sound(*sounds)
        assert found.changed is not False, (row["filename"], found)
        said[found.changed] += 1
    assert said[True] >= 0.95 * len(here[::6]), said
