"""What is forged on the fly says so; what is a fake already, or unknown, stays as it is."""

from dataclasses import replace

import numpy as np
import pytest
from augment_samples import chirp, sample_of

from avfake.augment.config import AugmentConfig, ForgeConfig
from avfake.augment.forging import forging
from avfake.augment.pipeline import build_pipeline
from avfake.clips.dataset import TrainingSample
from avfake.errors import ConfigError
from avfake.forgery.face_methods import forge_face
from avfake.forgery.voice_methods import forge_voice
from avfake.labels import Labels
from avfake.media.types import Waveform


def forged(sample: TrainingSample, face: int | None, voice: int | None) -> TrainingSample:
    """The sample forged with these seeds."""
    transform = forging(ForgeConfig())
    return transform.change(sample, **transform.settings, face=face, voice=voice)


@pytest.mark.parametrize(
    ("rates", "labels"),
    [
        ((1.0, 0.0), (1.0, 1.0, 0.0)),
        ((0.0, 1.0), (1.0, 0.0, 1.0)),
        ((1.0, 1.0), (1.0, 1.0, 1.0)),
        ((0.0, 0.0), (0.0, 0.0, 0.0)),
    ],
)
def test_the_labels_say_what_was_forged(rates: tuple, labels: tuple) -> None:
    sample, transform = sample_of(), forging(ForgeConfig(*rates))
    made = transform.change(sample, **transform.draw(sample, np.random.default_rng(0)))
    assert made.labels == labels
    assert np.array_equal(made.faces, sample.faces) == (labels[1] == 0)
    assert np.array_equal(made.sound, sample.sound) == (labels[2] == 0)
    assert (made.partner is sample.faces) == (labels[1] == 1)


def test_every_row_of_sound_gets_one_voice() -> None:
    sample = sample_of(sound=np.stack([chirp(), chirp()]))
    made = forged(sample, None, 5)
    assert not np.array_equal(made.sound[0], chirp())
    assert np.array_equal(made.sound[0], made.sound[1])


def test_fakes_and_unknown_parts_stay_as_they_are() -> None:
    rng, transform = np.random.default_rng(0), forging(ForgeConfig(1.0, 1.0))
    assert transform.draw(sample_of(fake=True), rng) is None
    unknown = replace(sample_of(), weights=Labels(0.0, 0.0, 0.0))
    assert transform.draw(unknown, rng) == transform.settings | {"face": None, "voice": None}
    video_only = replace(sample_of(), weights=Labels(1.0, 1.0, 0.0))
    assert transform.draw(video_only, rng)["voice"] is None


def test_silence_is_not_called_a_fake() -> None:
    silent = sample_of(sound=np.zeros((1, 1600), np.float32))
    silent = replace(silent, crop_sound=np.zeros((3, 0), np.float32))
    assert forged(silent, None, 1).labels == (0.0, 0.0, 0.0)


def test_the_forgers_of_the_library_forge_and_leave_the_sample_whole() -> None:
    config = AugmentConfig(picture=(), forge=ForgeConfig(face_rate=1.0, voice_rate=1.0))
    sample = sample_of()
    once, again = (build_pipeline(config)(sample, np.random.default_rng(3)) for _ in range(2))
    assert once.labels == (1.0, 1.0, 1.0)
    assert np.array_equal(once.faces, again.faces)
    assert np.array_equal(once.sound, again.sound)
    assert not np.array_equal(once.faces, sample.faces)
    assert not np.array_equal(once.sound, sample.sound)
    assert once.sound.shape == sample.sound.shape
    with pytest.raises(ConfigError, match="face_rate"):
        ForgeConfig(face_rate=2.0)


def test_the_pipeline_forges_by_the_methods_named() -> None:
    config = AugmentConfig(
        ForgeConfig(1.0, 1.0, face_methods=("resynthesis",), voice_methods=("strides",)),
        picture=(),
    )
    sample, (transform,) = sample_of(), build_pipeline(config).transforms
    made = transform.change(sample, config=config.forge, face=2, voice=3)
    rng, points = np.random.default_rng(2), sample.landmarks
    swap = forge_face(sample.faces, points, rng=rng, methods=["resynthesis"])
    assert np.array_equal(made.faces, swap.pixels)
    waveform, rng = Waveform(sample.sound[0], sample.sample_rate), np.random.default_rng(3)
    voice = forge_voice(waveform, rng=rng, methods=["strides"])
    assert np.array_equal(made.sound[0], voice.samples.clip(-1, 1))
    with pytest.raises(ConfigError, match="resynthesis"):
        ForgeConfig(face_methods=("resynthesys",))
    with pytest.raises(ConfigError, match="one method"):
        ForgeConfig(voice_methods=())
