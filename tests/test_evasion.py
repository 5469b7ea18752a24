"""The tricks of `benchmarks.evasion` do what they say, and its table counts what they change."""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))
from avfake.media import Waveform, iter_frames, probe  # noqa: E402
from benchmarks import evasion  # noqa: E402  (outside of the package)
from benchmarks.evasion_tricks import TRICKS, Material, under_music, write  # noqa: E402

POINTS = np.array([[40, 50], [70, 50], [55, 65], [44, 80], [66, 80]], float)


@pytest.fixture(scope="module")
def material() -> Material:
    rng = np.random.default_rng(0)
    smooth = np.linspace(40, 200, 112)[None, None, :, None] * np.ones((12, 96, 1, 3))
    frames = (smooth + np.arange(12)[:, None, None, None] + rng.normal(0, 2, smooth.shape)).clip(0)
    tone = 0.2 * np.sin(2 * np.pi * 180 * np.arange(8000) / 16_000)
    sound = Waveform(tone.astype(np.float32), 16_000)
    return Material(frames.astype(np.uint8), 24.0, sound, np.repeat(POINTS[None], 12, 0), 60.0)


@pytest.mark.parametrize("name", [name for name, one in TRICKS.items() if one.of == "video"])
def test_a_trick_on_a_video_gives_a_video(material: Material, tmp_path: Path, name: str) -> None:
    made = write(TRICKS[name].change(material, material), tmp_path / "a.mp4", TRICKS[name])
    info = probe(made)
    assert info.has_video
    assert info.has_audio
    assert [one.name for one in tmp_path.iterdir()] == [made.name]
    seconds = [at for at, _ in iter_frames(made)]
    steps = np.diff(seconds).round(3)
    assert (len(set(steps.tolist())) > 2) == TRICKS[name].is_variable
    assert info.width == 112
    assert info.height == (192 if name == "letterboxed" else 96)


def test_the_forged_second_is_one_second_of_a_minute(material: Material) -> None:
    genuine, forged = (
        evasion.minute(material, material, is_forged=is_forged) for is_forged in (False, True)
    )
    changed = (genuine.frames != forged.frames).any(axis=(1, 2, 3))
    at = np.flatnonzero(changed) / genuine.fps
    assert 30 <= at.min() <= at.max() < 31
    heard = np.flatnonzero(genuine.sound.samples != forged.sound.samples) / 16_000
    assert 30 <= heard.min() <= heard.max() < 31
    assert genuine.sound.duration_seconds == len(genuine.frames) / genuine.fps == 60


def test_the_melody_is_as_loud_as_it_says(material: Material) -> None:
    mixed = under_music(material.sound, louder_db=5.0).samples
    gain = np.dot(mixed, mixed) / np.dot(material.sound.samples, material.sound.samples)
    assert 10 * np.log10(gain) == pytest.approx(10 * np.log10(1 + 10**0.5), abs=1.5)


def test_wrong_answers_count_as_new_where_the_file_was_not_wrong_before() -> None:
    rows = [
        ("unchanged", "a", "genuine", "real", "real"),
        ("unchanged", "b", "forged", "real", "real"),
        ("poster", "a", "genuine", "unsure", "fake"),
        ("poster", "b", "forged", "real", "real"),
    ]
    names = ["trick", "source", "truth", "decision", "by_probability"]
    answers = pd.DataFrame(rows, columns=names).assign(reasons="face:no_face")
    table = evasion.summary(answers).set_index("trick")
    poster = table.loc["poster"]
    assert poster[["wrong", "wrong_before"]].tolist() == [1, 2]
    assert poster[["newly_wrong", "newly_wrong_before"]].tolist() == [0, 1]
    assert poster["genuine unsure"] == poster["forged real"] == 1
    assert poster["reasons"] == "face:no_face 2"
