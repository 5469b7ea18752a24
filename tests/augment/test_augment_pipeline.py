"""Names in, a chain of transforms out; wrong names are answered with the nearest."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import tyro
from augment_samples import empty_sample, sample_of

from avfake import config as settings
from avfake.augment.config import AugmentConfig, MixConfig
from avfake.augment.pipeline import Pipeline, build_pipeline
from avfake.augment.presets import PICTURE, SOUND
from avfake.augment.transform import has_faces, transform
from avfake.errors import ConfigError

EVERYTHING = AugmentConfig(
    mix=MixConfig(pair_rate=0.5), picture=tuple(PICTURE), sound=tuple(SOUND), rate=0.3
)


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        ({"picture": ("winer",)}, "did you mean 'winner'"),
        ({"sound": ("telefone",)}, "did you mean 'telephone'"),
        ({"sound": ("flip",)}, "got 'flip'"),
        ({"picture": "flip"}, "a list of names"),
        ({"rate": -1.0}, "0 or more"),
    ],
)
def test_what_cannot_be_is_refused_with_what_can(change: dict, answer: str) -> None:
    with pytest.raises(ConfigError, match=answer):
        AugmentConfig(**change)


def test_mixes_that_cannot_be_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"in \[0, 1\]"):
        MixConfig(pair_rate=1.5)
    with pytest.raises(ConfigError, match="one way"):
        MixConfig(mixup_rate=0.6, cutmix_rate=0.6)
    with pytest.raises(ConfigError, match="alpha"):
        MixConfig(mixup_alpha=0.0)


def test_settings_go_to_a_file_and_flags_and_back() -> None:
    assert settings.from_dict(AugmentConfig, settings.to_dict(EVERYTHING)) == EVERYTHING

    @dataclass(frozen=True)
    class Recipe:
        augment: AugmentConfig = AugmentConfig(picture=("winner",))

    flags = ["--augment.sound", "codec", "reverberant", "--augment.mix.pair-rate", "0.2"]
    config = tyro.cli(Recipe, args=flags).augment
    assert config == AugmentConfig(
        picture=("winner",), sound=("codec", "reverberant"), mix=MixConfig(pair_rate=0.2)
    )
    assert tyro.cli(Recipe, args=["--augment.picture"]).augment.picture == ()


def test_half_the_clips_are_mirrored_by_default() -> None:
    pipeline = build_pipeline(AugmentConfig())
    rng = np.random.default_rng(0)
    sample = sample_of()
    changed = [pipeline(sample, rng) is not sample for _ in range(1000)]
    assert np.mean(changed) == pytest.approx(0.5, abs=0.05)
    assert not pipeline.needs_partner


def test_nothing_is_done_at_a_rate_of_nothing() -> None:
    assert build_pipeline(replace(EVERYTHING, rate=0.0, mix=MixConfig())).transforms == []


def test_everything_at_once_gives_a_whole_sample_and_the_same_for_the_same_seed() -> None:
    pipeline = build_pipeline(EVERYTHING)
    assert pipeline.needs_partner
    given = sample_of(fake=True)
    sample = replace(given, partner=np.roll(given.faces, 3, axis=1))
    for seed in range(4):
        once, again = (pipeline(sample, np.random.default_rng(seed)) for _ in range(2))
        assert np.array_equal(once.faces, again.faces)
        assert np.array_equal(once.sound, again.sound)
        assert once.faces.shape == sample.faces.shape
        assert once.sound.shape == sample.sound.shape
        assert np.isfinite(once.sound).all()
        assert 0 <= once.labels[1] <= 1
    empty = pipeline(empty_sample(), np.random.default_rng(0))
    assert empty.faces.shape == (0, 0, 0, 3)


def test_the_order_is_that_of_the_names() -> None:
    named = build_pipeline(
        AugmentConfig(picture=("grey", "winner", "flip"), sound=("reverberant",))
    )
    chains = (PICTURE["grey"], PICTURE["winner"], PICTURE["flip"], SOUND["reverberant"])
    expected = [(one.change, one.settings) for chain in chains for one in chain]
    assert [(one.change, one.settings) for one in named.transforms] == expected


def test_the_partner_is_let_go_when_nobody_looks_at_it_any_more() -> None:
    seen = []

    def look(sample):
        seen.append(sample.partner is not None)
        return sample

    looking = transform(look, 1.0, fits=has_faces)
    at_partner = replace(looking, needs_partner=True)
    sample = replace(sample_of(fake=True), partner=sample_of().faces)
    (flip,), (grey,) = PICTURE["flip"], PICTURE["grey"]
    chain = (looking, at_partner, looking, flip.but(1.0), grey.but(1.0))
    Pipeline(chain)(sample, np.random.default_rng(0))
    assert seen == [True, True, False]
