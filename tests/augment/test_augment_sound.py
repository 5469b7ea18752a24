"""Sound whose change is known beforehand."""

from dataclasses import replace

import numpy as np
import pytest
from augment_samples import RATE, chirp, drawn, sample_of, tone

from avfake.augment.presets import SOUND
from avfake.augment.sound.channel import (
    band_limit,
    clipping,
    frequency_mask,
    gain,
    impulse_response,
    polarity,
    reverb,
    speed,
    time_mask,
)
from avfake.augment.sound.noise import (
    COLOURS,
    coloured,
    convolutive_noise,
    impulsive_noise,
    noise,
)
from avfake.clips.dataset import TrainingSample


def sounding(*rows: np.ndarray) -> TrainingSample:
    return sample_of(sound=np.stack(rows))


def power(row: np.ndarray) -> float:
    return float(np.mean(row.astype(np.float64) ** 2))


def peak_hz(row: np.ndarray) -> float:
    spectrum = np.abs(np.fft.rfft(row * np.hanning(len(row))))
    return float(np.fft.rfftfreq(len(row), 1 / RATE)[spectrum.argmax()])


@pytest.mark.parametrize(
    ("change", "params"),
    [
        (gain, {"decibels": 0.0}),
        (clipping, {"share": 1.0}),
        (time_mask, {"share": 0.0, "place": 0.4}),
        (frequency_mask, {"low_hz": 500.0, "high_hz": 500.0}),
        (speed, {"ratio": 1.0}),
        (impulsive_noise, {"share": 0.0, "seed": 1}),
        (noise, {"colour": "pink", "level": 0.0, "seed": 1}),
    ],
    ids=lambda one: getattr(one, "__name__", ""),
)
def test_parameters_that_say_nothing_change_nothing(change, params) -> None:
    sample = sample_of()
    made = change(sample, **params)
    assert np.allclose(made.sound, sample.sound, atol=1e-5)
    assert np.allclose(made.crop_sound, sample.crop_sound, atol=1e-5)


def test_six_decibels_double_and_full_scale_is_the_end() -> None:
    sample = sounding(tone(440, level=0.1))
    louder = gain(sample, 20 * np.log10(2))
    assert np.allclose(louder.sound, 2 * sample.sound, atol=1e-6)
    assert np.allclose(louder.crop_sound, 2 * sample.crop_sound, atol=1e-6)
    assert np.abs(gain(sample, 60.0).sound).max() == 1


def test_clipping_cuts_at_a_share_of_the_highest_peak_of_the_clip() -> None:
    loud, soft = tone(440, level=0.8), tone(440, level=0.1)
    clipped = clipping(sounding(loud, soft), 0.5)
    assert np.abs(clipped.sound[0]).max() == pytest.approx(0.4, abs=0.01)
    assert np.array_equal(clipped.sound[1], soft)


def test_polarity_turns_upside_down_and_back() -> None:
    sample = sample_of()
    turned = polarity(sample)
    assert np.array_equal(turned.sound, -sample.sound)
    assert np.array_equal(polarity(turned).crop_sound, sample.crop_sound)


def test_a_telephone_band_keeps_one_tone_and_removes_two() -> None:
    sample = sounding(tone(60), tone(1_000), tone(6_000))
    low, middle, high = band_limit(sample, 300.0, 3_400.0).sound
    inside = slice(800, -800)  # a tone that breaks off is heard in every band
    assert max(power(low[inside]), power(high[inside])) < 1e-5 * power(tone(1_000))
    assert np.corrcoef(middle, tone(1_000))[0, 1] > 0.999  # no shift in time


def test_a_band_wider_than_the_sound_keeps_it() -> None:
    sample = sounding(tone(7_000))
    kept = band_limit(sample, 20.0, 12_000.0).sound[0]
    assert power(kept) == pytest.approx(power(tone(7_000)), rel=0.1)


@pytest.mark.parametrize(("colour", "slope"), COLOURS.items())
def test_noise_has_its_colour(colour: str, slope: float) -> None:
    rng = np.random.default_rng(0)
    spectrum = np.mean(
        [np.abs(np.fft.rfft(coloured(4096, colour, rng))) ** 2 for _ in range(50)], axis=0
    )
    places = np.arange(10, 2000)
    fitted = np.polyfit(np.log(places), np.log(spectrum[places]), 1)[0]
    assert fitted == pytest.approx(-slope, abs=0.05)


@pytest.mark.parametrize("name", ["noise", "stationary_noise"])
def test_noise_lies_at_the_drawn_distance(name: str) -> None:
    sample = sounding(tone(440, level=0.1), tone(440, level=0.1))
    noisy = drawn(SOUND[name][0].but(snr_db=(20.0, 20.0)), sample)
    added = noisy.sound - sample.sound
    ratio_db = 10 * np.log10(power(sample.sound) / power(added))
    assert ratio_db == pytest.approx(20, abs=0.2)
    assert abs(np.corrcoef(added)[0, 1]) < 0.3  # another stretch of the same noise


@pytest.mark.parametrize("name", ["noise", "stationary_noise"])
def test_digital_silence_is_given_no_noise(name: str) -> None:
    silent = np.zeros(RATE, np.float32)
    assert SOUND[name][0].parameters(sounding(silent), np.random.default_rng(0)) is None


def test_a_reverberation_decays_as_set_and_keeps_the_energy() -> None:
    echoes = (0.5, 3.0, 1)
    response = impulse_response(*echoes, RATE)
    energy = response[1:] ** 2
    assert 10 * np.log10(1 / energy.sum()) == pytest.approx(3, abs=0.01)
    left_db = 10 * np.log10(np.cumsum(energy[::-1])[::-1] / energy.sum())  # Schroeder 1965
    places = slice(RATE // 50, RATE // 5)
    slope_per_second = np.polyfit(np.arange(len(left_db))[places] / RATE, left_db[places], 1)[0]
    assert -60 / slope_per_second == pytest.approx(0.5, rel=0.1)
    wet = reverb(sample_of(), *echoes)
    assert power(wet.sound[0]) == pytest.approx(power(chirp()), rel=1e-3)
    assert not np.allclose(wet.sound[0], chirp(), atol=0.05)


def test_reverberation_without_echoes_changes_nothing() -> None:
    dry = reverb(sample_of(), 0.3, 120.0, 1)
    assert np.allclose(dry.sound, sample_of().sound, atol=1e-4)


@pytest.mark.parametrize("ratio", [0.95, 1.05])
def test_faster_is_higher_and_the_middle_stays(ratio: float) -> None:
    click = np.zeros(RATE, np.float32)
    click[RATE // 2] = 0.9
    made = speed(sounding(tone(1_000), click), ratio).sound
    assert peak_hz(made[0]) == pytest.approx(1_000 * ratio, abs=2)
    assert abs(int(np.abs(made[1]).argmax()) - RATE // 2) <= 2
    assert power(made[0][-200:]) > 0.2 * power(made[0])


def test_masks_take_what_they_say_and_no_more() -> None:
    sample = sounding(tone(1_000) + tone(3_000))
    quiet = time_mask(sample, share=0.25, place=1 / 3).sound[0]
    assert not quiet[RATE // 4 : RATE // 2].any()
    assert np.array_equal(quiet[RATE // 2 :], sample.sound[0][RATE // 2 :])
    left = frequency_mask(sample, 2_500.0, 3_500.0).sound[0]
    assert np.allclose(left, tone(1_000), atol=1e-4)
    for seed in range(30):
        quiet = drawn(SOUND["time_mask"][0], sounding(np.ones(RATE, np.float32)), seed).sound[0]
        silent = np.flatnonzero(quiet == 0)
        assert len(silent) <= 0.1 * RATE
        assert len(silent) == (np.ptp(silent) + 1 if len(silent) else 0)
        band = SOUND["frequency_mask"][0].parameters(sample, np.random.default_rng(seed))
        assert 0 <= band["low_hz"] <= band["high_hz"] <= RATE / 2


def test_higher_powers_make_overtones_and_filters_make_notches() -> None:
    loud = sounding(tone(1_000, level=0.5))
    bent = convolutive_noise(loud, ((), (), ()), (0.0, -6.0, -6.0)).sound[0]
    spectrum = np.abs(np.fft.rfft(bent))
    assert min(spectrum[2_000], spectrum[3_000]) > 20 * np.median(spectrum)
    notch = ((2_000.0, 600.0, 101),)
    cut = convolutive_noise(sounding(tone(2_000), tone(5_000)), (notch,), (0.0,))
    middle = slice(2_000, 14_000)
    # Each row keeps its own scale, so the tone that is stopped is softer than the other.
    assert power(cut.sound[0][middle]) < 0.1 * power(cut.sound[1][middle])


def test_impulses_hit_the_drawn_share_in_proportion_to_the_sound() -> None:
    sample = sounding(tone(440, level=0.2))
    struck = impulsive_noise(sample, 0.1, 3).sound[0]
    change = np.abs(struck - sample.sound[0])
    assert (change > 0).mean() == pytest.approx(0.1, abs=0.005)
    hit = change > 0
    assert np.all(change[hit] <= 2 * np.abs(sample.sound[0][hit]) + 1e-6)


def test_windows_and_the_sound_around_crops_go_through_the_same_line() -> None:
    sample = replace(sounding(tone(500)), crop_sound=np.tile(tone(500), (3, 1)))
    for name in ("gain", "band_limit", "reverb", "speed", "frequency_mask", "convolutive_noise"):
        made = drawn(SOUND[name][0], sample, seed=4)
        for row in made.crop_sound:
            assert np.array_equal(row, made.sound[0]), name
