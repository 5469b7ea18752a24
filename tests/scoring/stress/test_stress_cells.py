"""Each cell does what its name says; truth by construction."""

from pathlib import Path

import numpy as np
import pytest

from avfake.errors import ConfigError, MediaError
from avfake.media.frames import iter_frames
from avfake.media.probing import probe
from avfake.media.sound import read_sound
from avfake.media.types import Waveform
from avfake.media.writing import write_audio, write_video
from avfake.scoring.stress.cells import CELLS, choose_cells
from avfake.scoring.stress.rewriting import Rewrite, at_rate

RATE, FPS = 16_000, 30


@pytest.fixture(scope="module")
def noise() -> Waveform:
    drawn = np.random.default_rng(0).normal(0, 0.05, RATE).astype(np.float32)
    return Waveform(drawn, RATE)


@pytest.fixture(scope="module")
def video(noise: Waveform, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One second, 96 x 64 px: bright on the left, dark on the right, fine stripes below."""
    frame = np.full((64, 96, 3), 60, np.uint8)
    frame[:, :48] = 180
    frame[40:, ::2] = 250
    path = tmp_path_factory.mktemp("source") / "source.mp4"
    write_video(path, np.repeat(frame[None], FPS, 0), fps=FPS, waveform=noise, crf=5)
    return path


def pictures(path: Path) -> np.ndarray:
    return np.stack([frame for _, frame in iter_frames(path)]).astype(float)


def changed(name: str, waveform: Waveform) -> np.ndarray:
    change = CELLS[name].sound
    assert change is not None
    after = change(waveform)
    assert len(after.samples) == len(waveform.samples)
    assert after.samples.dtype == np.float32
    return after.samples.astype(float)


def decibels(samples: np.ndarray) -> float:
    return float(10 * np.log10(np.mean(samples.astype(float) ** 2)))


def test_gain_changes_the_level_by_the_stated_factor(noise: Waveform) -> None:
    np.testing.assert_allclose(changed("louder", noise), 2 * noise.samples, atol=1e-5)
    np.testing.assert_allclose(changed("softer", noise), noise.samples / 4, atol=1e-5)


@pytest.mark.parametrize(("name", "expected"), [("late_200ms", 3200), ("early_200ms", -3200)])
def test_an_offset_is_found_by_cross_correlation(noise: Waveform, name: str, expected: int) -> None:
    product = np.correlate(changed(name, noise), noise.samples.astype(float), "full")
    assert int(np.argmax(product)) - (len(noise.samples) - 1) == expected


@pytest.mark.parametrize(("name", "snr_db"), [("noise_20db", 20.0), ("noise_10db", 10.0)])
def test_noise_lies_as_far_below_as_it_says(noise: Waveform, name: str, snr_db: float) -> None:
    added = changed(name, noise) - noise.samples
    assert decibels(noise.samples) - decibels(added) == pytest.approx(snr_db, abs=0.1)


def test_a_telephone_lets_nothing_through_above_its_band(noise: Waveform) -> None:
    spectrum = np.abs(np.fft.rfft(changed("telephone", noise))) ** 2
    hertz = np.fft.rfftfreq(len(noise.samples), 1 / RATE)
    inside = spectrum[(hertz > 500) & (hertz < 3000)].mean()
    assert spectrum[hertz > 4500].mean() < 1e-3 * inside


def test_a_room_makes_a_click_last(noise: Waveform) -> None:
    click = np.zeros(RATE, np.float32)
    click[1000] = 0.9
    after = changed("reverb", Waveform(click, RATE))
    assert np.abs(after[:1000]).max() < 1e-6
    assert np.sum(after[1100:] ** 2) > 0.2 * np.sum(after**2)
    assert decibels(changed("reverb", noise)) == pytest.approx(decibels(noise.samples), abs=0.1)


@pytest.mark.parametrize("name", ["mp3_32k", "opus_16k"])
def test_a_codec_loses_something_and_keeps_the_time(name: str) -> None:
    seconds = np.arange(RATE) / RATE
    sweep = (0.3 * np.sin(2 * np.pi * (300 + 500 * seconds) * seconds)).astype(np.float32)
    after = changed(name, Waveform(sweep, RATE))
    assert np.corrcoef(after, sweep)[0, 1] > 0.95
    assert np.abs(after - sweep).max() > 1e-4


@pytest.mark.parametrize("name", [name for name, cell in CELLS.items() if cell.sound])
def test_silence_is_no_obstacle(name: str) -> None:
    after = changed(name, Waveform(np.zeros(RATE, np.float32), RATE))
    assert np.abs(after).max() < 1e-2


def test_frames_are_shown_in_the_middle_of_their_time() -> None:
    source = [(k / 30, np.array([k])) for k in range(30)]
    assert [int(p[0]) for _, p in at_rate(source, 15)] == [2 * k + 1 for k in range(15)]
    assert [int(p[0]) for _, p in at_rate(source, 30)] == list(range(30))
    late = [(0.5 + k / 10, np.array([k])) for k in range(5)]
    assert [int(p[0]) for _, p in at_rate(late, 10)] == [0] * 5 + [0, 1, 2, 3, 4]


def test_the_whole_file_is_written_anew(video: Path, noise: Waveform, tmp_path: Path) -> None:
    out = Rewrite("rewritten")(video, tmp_path)
    assert np.abs(pictures(out) - pictures(video)).mean() < 3
    sound = read_sound(out, RATE).waveform().samples[:RATE]
    assert np.corrcoef(sound, noise.samples[: len(sound)])[0, 1] > 0.9


def test_fewer_frames_and_fewer_pixels(video: Path, tmp_path: Path) -> None:
    few = probe(Rewrite("fps_15")(video, tmp_path / "few"))
    assert few.fps == pytest.approx(15)
    assert len(pictures(tmp_path / "few" / "rewritten.mp4")) == len(pictures(video)) / 2
    for name, size in {
        "half_size": (48, 32),
        "quarter_size": (24, 16),
        "cropped": (78, 52),
    }.items():
        info = probe(Rewrite(name)(video, tmp_path / name))
        assert (info.width, info.height) == size, name


def test_coarser_coding_costs_bytes_and_truth(video: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    grain = rng.integers(0, 256, (10, 64, 64, 3), dtype=np.uint8)
    write_video(tmp_path / "grain.mp4", grain, fps=10, crf=5)
    ladder = ["crf_23", "crf_28", "crf_32", "crf_40"]
    sizes = [Rewrite(n)(tmp_path / "grain.mp4", tmp_path / n).stat().st_size for n in ladder]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[-1] < sizes[0] / 2


def test_black_is_black_and_mute_is_digital_silence(video: Path, tmp_path: Path) -> None:
    assert pictures(Rewrite("black")(video, tmp_path / "black")).max() <= 1
    muted = Rewrite("mute")(video, tmp_path / "mute")
    assert probe(muted).has_audio
    assert read_sound(muted, RATE).waveform().is_silent


def test_a_mirror_twice_is_no_mirror(video: Path, tmp_path: Path) -> None:
    once = Rewrite("mirrored")(video, tmp_path / "once")
    twice = Rewrite("mirrored")(once, tmp_path / "twice")
    before, after = pictures(video), pictures(once)
    assert before[:, :40, :40].mean() > 170 > 70 > after[:, :40, :40].mean()
    assert np.abs(pictures(twice) - before).mean() < 5


def test_picture_changes_go_the_way_they_say() -> None:
    frame = np.full((48, 64, 3), 100, np.uint8)
    frame[:, ::2] = 140

    def after(name: str) -> np.ndarray:
        change = CELLS[name].picture
        assert change is not None
        result = change(frame, 0)
        assert result.shape == frame.shape
        assert result.dtype == np.uint8
        return result.astype(float)

    assert after("brighter").mean() == pytest.approx(frame.mean() + 51, abs=1)
    assert after("darker").mean() == pytest.approx(frame.mean() - 51, abs=1)
    assert after("blur")[:, 10:-10].std() < 2
    assert (after("picture_noise") - frame).std() == pytest.approx(10, rel=0.05)
    filmed = after("recaptured")
    assert np.ptp(filmed[..., 0] - filmed[..., 2]) > 2  # the moire has colours
    assert not np.array_equal(CELLS["picture_noise"].picture(frame, 1), after("picture_noise"))


def test_sound_alone_stays_sound_alone(noise: Waveform, tmp_path: Path) -> None:
    write_audio(tmp_path / "voice.wav", noise)
    out = Rewrite("louder")(tmp_path / "voice.wav", tmp_path)
    assert not probe(out).has_video
    read = read_sound(out, RATE).waveform().samples
    np.testing.assert_allclose(read, 2 * noise.samples, atol=1e-3)


def test_what_cannot_be_read_says_why(tmp_path: Path) -> None:
    (tmp_path / "words.mp4").write_text("not a video")
    with pytest.raises(MediaError, match="not a video or sound file"):
        Rewrite("blur")(tmp_path / "words.mp4", tmp_path)


def test_a_misspelt_cell_is_named() -> None:
    assert choose_cells(["mute", "crf_23"]) == ("crf_23", "mute")
    assert choose_cells([]) == tuple(CELLS)
    with pytest.raises(ConfigError, match=r"no cell 'crf_42'.*crf_4"):
        choose_cells(["crf_42"])
