"""Mixes: shares of pixels are shares of labels."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from augment_samples import sample_of

from avfake.augment.config import AugmentConfig, MixConfig
from avfake.augment.mixing import MixingCollate, mix_batch, pair_mixup
from avfake.augment.pipeline import build_pipeline
from avfake.labels import Labels


def pair():
    fake = sample_of(np.full((2, 8, 8, 3), 200, np.uint8), fake=True)
    return replace(fake, partner=np.full((2, 8, 8, 3), 100, np.uint8))


def batch_of(faces: list[int], labels: list, weights: list | None = None) -> dict:
    """One clip a grey level: a picture, a tone and labels that all say the same number."""
    levels = torch.tensor(faces)
    size = len(faces)
    weights = [[1.0] * 3] * size if weights is None else weights
    return {
        "faces": levels.to(torch.uint8)[:, None, None, None, None].repeat(1, 2, 3, 20, 20),
        "faces_mask": torch.ones(size, 2, dtype=torch.bool),
        "sound": (levels / 255)[:, None, None].repeat(1, 1, 400),
        "sound_mask": torch.ones(size, 1, dtype=torch.bool),
        "landmarks": levels.float()[:, None, None, None].repeat(1, 2, 5, 2),
        "labels": torch.tensor(labels),
        "weights": torch.tensor(weights),
        "index": torch.arange(size),
    }


def test_a_pair_is_mixed_by_the_share_that_becomes_its_label() -> None:
    mixed = pair_mixup(pair(), 0.25)
    assert np.all(mixed.faces == 125)
    assert mixed.labels == (0.25, 0.25, 0.0)
    assert np.array_equal(pair_mixup(pair(), 1.0).faces, pair().faces)
    voice_too = replace(pair(), labels=Labels(1.0, 1.0, 1.0))
    assert pair_mixup(voice_too, 0.25).labels == (1.0, 0.25, 1.0)


def test_only_a_fake_face_with_its_original_is_mixed() -> None:
    config = AugmentConfig(mix=MixConfig(pair_rate=1.0), picture=())
    rng, (certain,) = np.random.default_rng(0), build_pipeline(config).transforms
    assert certain.draw(pair(), rng) is not None
    assert certain.draw(replace(pair(), partner=None), rng) is None
    assert certain.draw(replace(pair(), labels=Labels(1.0, 0.0, 1.0)), rng) is None
    assert certain.draw(replace(pair(), weights=Labels(1.0, 0.0, 1.0)), rng) is None
    shares = [certain.draw(pair(), rng)["share"] for _ in range(2000)]
    # Beta(1/2, 1/2) is the arcsine law: a third of it lies in each of these thirds.
    thirds = np.histogram(shares, [0, 0.25, 0.75, 1])[0] / 2000
    assert np.allclose(thirds, 1 / 3, atol=0.04)


def test_mixup_adds_up_pictures_sounds_and_labels_by_one_share() -> None:
    batch = batch_of([0, 250], [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
    mixed = mix_batch(batch, MixConfig(mixup_rate=1.0, mixup_alpha=1.0), np.random.default_rng(0))
    for clip, own in ((0, 0.0), (1, 1.0)):
        share = mixed["labels"][clip, 0]
        assert abs(share - own) < 0.5  # the own clip keeps the larger part
        assert torch.allclose(mixed["labels"][clip], share)
        assert torch.all((mixed["faces"][clip].float() / 250 - share).abs() < 1 / 250)
        assert torch.allclose(mixed["sound"][clip], share * 250 / 255, atol=1e-5)
    assert not torch.equal(mixed["labels"], batch["labels"])
    assert torch.equal(mixed["landmarks"], batch["landmarks"])
    assert mixed["faces"].dtype == torch.uint8


def test_cutmix_cuts_one_box_and_one_stretch_as_large_as_the_label_says() -> None:
    for seed in range(5):
        batch = batch_of([0, 250], [[0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
        config = MixConfig(cutmix_rate=1.0, cutmix_alpha=2.0)
        mixed = mix_batch(batch, config, np.random.default_rng(seed))
        foreign = mixed["faces"][0] == 250
        share = foreign.float().mean()
        assert share == pytest.approx(float(mixed["labels"][0, 1]), abs=1e-5)
        assert share < 0.51
        assert torch.all(foreign == foreign[0, 0])  # the same box in every frame and channel
        stretch = (mixed["sound"][0, 0] > 0).float()
        assert stretch.mean() == pytest.approx(float(share), abs=1 / 400)
        assert stretch.diff().abs().sum() <= 2
        assert torch.equal(batch["faces"][0], torch.zeros_like(batch["faces"][0]))


def test_only_clips_with_the_same_known_labels_and_streams_are_mixed() -> None:
    weights = [[1.0, 1.0, 0.0], [1.0, 0.5, 0.0], [1.0, 1.0, 1.0], [1.0, 1.0, 0.0]]
    batch = batch_of([0, 250, 100, 50], [[0.0] * 3, [1.0] * 3, [0.0] * 3, [1.0] * 3], weights)
    batch["sound_mask"][3] = False
    mixed = mix_batch(batch, MixConfig(mixup_rate=1.0), np.random.default_rng(0))
    for clip in (2, 3):  # nobody is like them
        assert torch.equal(mixed["faces"][clip], batch["faces"][clip])
        assert torch.equal(mixed["labels"][clip], batch["labels"][clip])
    assert mixed["labels"][0, 0] > 0
    assert mixed["labels"][1, 0] < 1
    assert torch.equal(mixed["weights"] > 0, batch["weights"] > 0)


def test_batches_are_mixed_as_often_as_asked() -> None:
    batch = batch_of([0, 250], [[0.0] * 3, [1.0] * 3])
    rng = np.random.default_rng(0)
    config = MixConfig(mixup_rate=0.3, cutmix_rate=0.2)
    mixed = [mix_batch(batch, config, rng) is not batch for _ in range(1000)]
    assert np.mean(mixed) == pytest.approx(0.5, abs=0.05)
    assert mix_batch(batch, MixConfig(), rng) is batch


def test_the_mix_of_a_batch_depends_on_seed_epoch_and_place_alone() -> None:
    batch = batch_of([0, 250], [[0.0] * 3, [1.0] * 3])
    keys = ("faces", "sound", "landmarks", "labels", "weights", "index")
    items = [{key: batch[key][i] for key in keys} for i in range(2)]
    for item in items:
        item["persons"] = torch.zeros(2, dtype=torch.long)
        item["crop_sound"] = torch.zeros(2, 0)

    def labels(seed: int, epoch: int) -> list:
        collate = MixingCollate(MixConfig(mixup_rate=1.0), seed)
        return collate([item | {"epoch": epoch} for item in items])["labels"].tolist()

    assert labels(1, 2) == labels(1, 2)
    assert labels(1, 2) != labels(1, 3)
    assert labels(1, 2) != labels(2, 2)
