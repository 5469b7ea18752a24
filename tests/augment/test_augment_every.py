"""What holds for every transform: pure, repeatable, whole with a modality missing."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from augment_samples import blocks, empty_sample, frozen, sample_of

from avfake.augment.presets import PICTURE, SOUND
from avfake.augment.transform import Transform, one_of
from avfake.clips.dataset import TrainingSample

ARRAYS = ("faces", "landmarks", "persons", "sound", "crop_sound", "partner")


def every() -> list[Transform]:
    """Each transform of each name and preset, once."""
    chains = [chain for known in (PICTURE, SOUND) for chain in known.values()]
    flat = [one for chain in chains for transform in chain for one in leaves(transform)]
    return list({str(one): one for one in flat}.values())


def leaves(transform: Transform) -> list[Transform]:
    choices = transform.settings.get("choices", ())
    return [leaf for choice in choices for leaf in leaves(choice)] or [transform]


def fake_with_original() -> TrainingSample:
    faces = blocks()
    forged = faces.copy()
    forged[:, 30:70, 30:70] = 255 - forged[:, 30:70, 30:70]
    return frozen(replace(sample_of(forged, fake=True), partner=faces))


def same(a: TrainingSample, b: TrainingSample) -> bool:
    return a.labels == b.labels and all(
        np.array_equal(getattr(a, name), getattr(b, name)) for name in ARRAYS
    )


@pytest.mark.parametrize("transform", every(), ids=lambda one: one.change.__name__)
def test_the_same_parameters_give_the_same_bytes_and_leave_the_input_alone(
    transform: Transform,
) -> None:
    sample = fake_with_original()
    before = replace(sample, faces=sample.faces.copy(), sound=sample.sound.copy())
    first, second = (transform.parameters(sample, np.random.default_rng(3)) for _ in range(2))
    assert first == second
    assert first is not None
    once, again = (transform.change(sample, **first) for _ in range(2))
    assert same(once, again)
    assert same(sample, before)
    for name in ("faces", "landmarks", "sound", "crop_sound"):
        made, given = getattr(once, name), getattr(sample, name)
        assert (made.shape, made.dtype) == (given.shape, given.dtype)
    assert np.abs(once.sound).max() <= 1


@pytest.mark.parametrize("transform", every(), ids=lambda one: one.change.__name__)
def test_what_is_missing_stays_missing(transform: Transform) -> None:
    empty = empty_sample()
    certain = replace(transform, probability=1.0)
    assert certain.draw(empty, np.random.default_rng(0)) is None


@pytest.mark.parametrize("transform", every(), ids=lambda one: one.change.__name__)
def test_a_transform_can_go_to_the_processes_that_load_clips(transform: Transform) -> None:
    assert pickle.loads(pickle.dumps(transform)) == transform


def test_a_transform_is_drawn_as_often_as_it_says() -> None:
    sample = sample_of()
    rng = np.random.default_rng(0)
    for rate, expected in ((1.0, 0.3), (2.0, 0.6), (0.0, 0.0), (9.0, 1.0)):
        flip = PICTURE["flip"][0].but(0.3).scaled(rate)
        drawn = np.mean([flip.draw(sample, rng) is not None for _ in range(2000)])
        assert drawn == pytest.approx(expected, abs=0.04)


def test_one_of_several_is_as_likely_as_another() -> None:
    (flip,), (grey,) = PICTURE["flip"], PICTURE["grey"]
    either = one_of(1.0, flip, grey)
    sample, rng = sample_of(), np.random.default_rng(0)
    chosen = [either.parameters(sample, rng)["chosen"] == grey for _ in range(1000)]
    assert np.mean(chosen) == pytest.approx(0.5, abs=0.05)


def test_first_of_gives_each_its_turn_only_when_those_before_rest() -> None:
    cutouts = PICTURE["cutouts"][0]
    sample, rng = sample_of(), np.random.default_rng(0)
    choices = cutouts.settings["choices"]
    drawn = [cutouts.draw(sample, rng) for _ in range(3000)]
    places = [None if one is None else choices.index(one["chosen"]) for one in drawn]
    shares = {place: places.count(place) / len(places) for place in (0, 1, 2, None)}
    expected = {0: 0.7, 1: 0.3 * 0.2, 2: 0.3 * 0.8 * 0.1, None: 0.3 * 0.8 * 0.9}
    assert shares == pytest.approx(expected, abs=0.03)
    halved = cutouts.scaled(0.5)
    first = halved.settings["choices"][0]
    drawn = [halved.draw(sample, rng) for _ in range(3000)]
    share = np.mean([one is not None and one["chosen"] == first for one in drawn])
    assert share == pytest.approx(0.35, abs=0.03)


def test_sound_that_loses_samples_is_our_own_mistake() -> None:
    with pytest.raises(ValueError, match="came back as"):
        sample_of().with_sound(lambda row: row[1:])
    assert SOUND["gain"][0].fits(sample_of())
