"""Loss, sampling, rates and averages against their closed forms."""

import math

import numpy as np
import pytest
import torch
from torch import nn

from avfake.config import from_dict, to_dict
from avfake.errors import ConfigError
from avfake.training.config import LossConfig
from avfake.training.fit_config import FitConfig
from avfake.training.losses import masked_bce
from avfake.training.optimizers import (
    averaged_model,
    build_optimizer,
    parameter_groups,
    set_rate,
)
from avfake.training.sampling import draw_rows, undersample
from avfake.training.schedules import (
    SCHEDULES,
    WARMUP_START,
    plateau_drop,
    rate_factor,
)

SEPARATE = LossConfig(smoothing=0.0, class_separate=True)
LOGITS = torch.tensor([[2.0, -1.0], [0.5, 3.0], [-1.5, 0.0]])
LABELS = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
ONES = torch.ones(3, 2)


def cost(logit: float, label: float) -> float:
    return -label * math.log(1 / (1 + math.exp(-logit))) - (1 - label) * math.log(
        1 / (1 + math.exp(logit))
    )


def test_the_loss_is_the_mean_of_the_heads_means() -> None:
    heads = [
        sum(cost(LOGITS[i, k].item(), LABELS[i, k].item()) for i in range(3)) / 3 for k in (0, 1)
    ]
    assert masked_bce(LOGITS, LABELS, ONES).item() == pytest.approx(sum(heads) / 2)


def test_unknown_labels_may_be_nan_and_leave_no_gradient() -> None:
    labels, weights = LABELS.clone(), ONES.clone()
    labels[1, 0], weights[1, 0] = torch.nan, 0.0
    logits = LOGITS.clone().requires_grad_()
    loss = masked_bce(logits, labels, weights)
    loss.backward()
    first = (cost(2.0, 1.0) + cost(-1.5, 1.0)) / 2
    second = (cost(-1.0, 0.0) + cost(3.0, 1.0) + cost(0.0, 1.0)) / 3
    assert loss.item() == pytest.approx((first + second) / 2)
    assert logits.grad is not None
    assert logits.grad[1, 0] == 0
    assert logits.grad.isfinite().all()


def test_a_head_without_labels_counts_nothing_and_lends_nothing_to_the_others() -> None:
    weights = ONES.clone()
    weights[:, 1] = 0
    logits = LOGITS.clone().requires_grad_()
    whole, part = masked_bce(LOGITS, LABELS, ONES), masked_bce(logits, LABELS, weights)
    alone = masked_bce(LOGITS[:, :1], LABELS[:, :1], ONES[:, :1])
    part.backward()
    assert part.item() == pytest.approx(alone.item() / 2)
    assert part < whole
    assert logits.grad is not None
    assert logits.grad[:, 1].eq(0).all()


def test_nothing_known_at_all_is_a_loss_of_zero() -> None:
    logits = LOGITS.clone().requires_grad_()
    loss = masked_bce(logits, torch.full((3, 2), torch.nan), torch.zeros(3, 2))
    loss.backward()
    assert loss.item() == 0
    assert logits.grad is not None
    assert logits.grad.eq(0).all()


def test_weights_count_in_proportion() -> None:
    doubled = torch.tensor([[2.0], [1.0], [1.0]])
    repeated = masked_bce(LOGITS[[0, 0, 1, 2], :1], LABELS[[0, 0, 1, 2], :1], torch.ones(4, 1))
    assert masked_bce(LOGITS[:, :1], LABELS[:, :1], doubled).item() == pytest.approx(
        repeated.item()
    )


def test_smoothing_pulls_labels_towards_one_half() -> None:
    loss = masked_bce(
        torch.tensor([[2.0]]), torch.ones(1, 1), torch.ones(1, 1), LossConfig(smoothing=0.2)
    )
    assert loss.item() == pytest.approx(0.9 * cost(2.0, 1.0) + 0.1 * cost(2.0, 0.0))


def test_separate_classes_count_one_half_each_whatever_their_numbers() -> None:
    logits, labels = LOGITS[:, :1], LABELS[:, :1]
    loss = masked_bce(logits, labels, ONES[:, :1], SEPARATE)
    expected = ((cost(2.0, 1) + cost(-1.5, 1)) / 2 + cost(0.5, 0)) / 2
    assert loss.item() == pytest.approx(expected)
    only_fakes = masked_bce(
        logits[[0, 2]],
        labels[[0, 2]],
        torch.ones(2, 1),
        SEPARATE,
    )
    assert only_fakes.item() == pytest.approx((cost(2.0, 1) + cost(-1.5, 1)) / 2)


def test_shapes_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="alike"):
        masked_bce(LOGITS, LABELS[:, :1], ONES)


def test_an_epoch_holds_all_reals_and_as_many_fakes() -> None:
    labels = np.array([0] * 10 + [1] * 90 + [np.nan] * 5)
    rows = undersample(labels, epoch=1, seed=0)
    assert sorted(rows[labels[rows] == 0]) == list(range(10))
    assert (labels[rows] == 1).sum() == 10
    assert len(set(rows)) == 20


def test_draws_follow_from_seed_and_epoch_alone() -> None:
    labels = np.array([0] * 10 + [1] * 90)
    assert np.array_equal(
        undersample(labels, epoch=3, seed=7), undersample(labels, epoch=3, seed=7)
    )
    assert set(undersample(labels, epoch=3, seed=7)) != set(undersample(labels, epoch=4, seed=7))
    assert set(undersample(labels, epoch=3, seed=7)) != set(undersample(labels, epoch=3, seed=8))


def test_every_fake_is_seen_before_any_is_seen_twice() -> None:
    labels = np.array([0] * 10 + [1] * 90)
    seen = np.concatenate([undersample(labels, epoch=e, seed=0) for e in range(9)])
    assert np.bincount(seen[seen >= 10])[10:].tolist() == [1] * 90


def test_fakes_of_an_epoch_come_from_as_many_originals_as_there_are() -> None:
    labels = np.array([0] * 6 + [1] * 60)
    groups = np.concatenate([np.arange(6), np.repeat(np.arange(6), [30, 20, 4, 3, 2, 1])])
    rows = undersample(labels, epoch=0, seed=0, groups=groups)
    assert sorted(groups[rows[rows >= 6]]) == list(range(6))
    seen = np.concatenate([undersample(labels, epoch=e, seed=0, groups=groups) for e in range(10)])
    assert np.bincount(seen[seen >= 6])[6:].tolist() == [1] * 60


def test_where_fakes_are_few_all_are_taken() -> None:
    assert sorted(undersample(np.array([0, 0, 0, 1]), epoch=0, seed=0)) == [0, 1, 2, 3]
    assert sorted(undersample(np.array([1, 1]), epoch=0, seed=0)) == [0, 1]


@pytest.mark.parametrize("name", [name for name in SCHEDULES if name != "one_cycle"])
def test_the_rate_rises_in_a_straight_line_at_first(name: str) -> None:
    config = FitConfig(schedule=name, warmup_epochs=2.0)
    assert rate_factor(config, 0.0, 10) == WARMUP_START
    assert rate_factor(config, 1.0, 10) == pytest.approx((1 + WARMUP_START) / 2)
    assert rate_factor(config, 2.0, 10) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("name", "middle", "end"),
    [
        ("cosine", 0.55, 0.1),
        ("poly", 0.1 + 0.9 * 0.5**0.9, 0.1),
        ("constant", 1.0, 1.0),
        ("plateau", 1.0, 1.0),
    ],
)
def test_schedules_have_their_shape(name: str, middle: float, end: float) -> None:
    config = FitConfig(schedule=name, warmup_epochs=2.0, final_fraction=0.1)
    assert rate_factor(config, 6.0, 10) == pytest.approx(middle)
    assert rate_factor(config, 10.0, 10) == pytest.approx(end)
    assert rate_factor(config, 99.0, 10) == pytest.approx(end)


def test_one_cycle_rises_from_a_little_then_falls_to_less() -> None:
    config = FitConfig(schedule="one_cycle", final_fraction=0.0)
    factors = [rate_factor(config, epoch, 10) for epoch in range(11)]
    assert factors[0] == pytest.approx(1 / 25)
    assert factors[3] == 1.0 == max(factors)
    assert factors[:4] == sorted(factors[:4])
    assert factors[3:] == sorted(factors[3:], reverse=True)
    assert factors[10] == pytest.approx(0.0)


def test_a_plateau_halves_the_rate_after_its_patience() -> None:
    config = FitConfig(schedule="plateau", plateau_patience=1, final_fraction=0.1)
    drops = [plateau_drop(config, [0.5, 0.4, 0.4, 0.41, 0.3, 0.3, 0.3][:n]) for n in range(8)]
    assert drops == [1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25]
    assert plateau_drop(config, [0.1] * 40) == 0.1


def test_biases_and_scales_are_not_decayed_and_the_backbone_has_its_rate() -> None:
    model = nn.ModuleDict(
        {"backbone": nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)), "head": nn.Linear(2, 1)}
    )
    config = FitConfig(learning_rate=1.0, weight_decay=0.1, backbone_multiplier=0.1)
    found = {
        (group["lr"], group["weight_decay"]): sum(p.numel() for p in group["params"])
        for group in parameter_groups(model, config)
    }
    assert found == {(0.1, 0.1): 18, (0.1, 0.0): 6, (1.0, 0.1): 2, (1.0, 0.0): 1}


def test_a_factor_keeps_the_rates_in_proportion() -> None:
    model = nn.ModuleDict({"backbone": nn.Linear(2, 2), "head": nn.Linear(2, 1)})
    config = FitConfig(optimizer="sgd", learning_rate=1.0, backbone_multiplier=0.1)
    optimizer = build_optimizer(model, config)
    set_rate(optimizer, 0.5)
    assert {group["lr"] for group in optimizer.param_groups} == {0.5, 0.05}


def test_frozen_parameters_are_left_out() -> None:
    model = nn.Linear(2, 1)
    model.weight.requires_grad_(False)
    assert [len(g["params"]) for g in parameter_groups(model, FitConfig())] == [1]


def test_the_average_forgets_its_start_and_counts_buffers() -> None:
    model = nn.BatchNorm1d(1)
    average = averaged_model(model, decay=0.5)
    nn.init.constant_(model.weight, 3.0)
    model.running_mean.fill_(8.0)
    model.num_batches_tracked.fill_(5)
    average.update_parameters(model)  # decay min(0.5, 2 / 11)
    assert average.module.weight.item() == pytest.approx(1 * 2 / 11 + 3 * 9 / 11)
    assert average.module.running_mean.item() == pytest.approx(8 * 9 / 11)
    assert average.module.num_batches_tracked.item() == 5
    for _ in range(50):
        average.update_parameters(model)
    assert average.module.weight.item() == pytest.approx(3.0)
    assert model.weight.requires_grad
    assert not average.module.weight.requires_grad


@pytest.mark.parametrize(("setting", "near"), [("optimizer", "adamw"), ("schedule", "cosine")])
def test_unknown_names_are_answered_with_near_ones(setting: str, near: str) -> None:
    with pytest.raises(ConfigError, match=rf"fit\.{setting} .*did you mean '{near}'"):
        FitConfig(**{setting: near + "e"})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "wrong",
    [{"epochs": 0}, {"patience": -1}, {"average_decay": 1.0}, {"device": "gpu"}],
    ids=lambda wrong: next(iter(wrong)),
)
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        FitConfig(**wrong)  # type: ignore[arg-type]


def test_settings_go_to_plain_values_and_back() -> None:
    config = FitConfig(optimizer="sgd", schedule="poly")
    assert from_dict(FitConfig, to_dict(config)) == config


def test_the_costliest_fakes_are_trimmed_and_no_real_ever() -> None:
    # Ten fakes of which two look genuine, ten reals of which two look fake.
    logits = torch.tensor([[4.0]] * 8 + [[-4.0]] * 2 + [[-4.0]] * 8 + [[4.0]] * 2)
    labels = torch.tensor([[1.0]] * 10 + [[0.0]] * 10)
    logits.requires_grad_()
    loss = masked_bce(logits, labels, torch.ones(20, 1), LossConfig(smoothing=0.0, trim_fakes=0.2))
    loss.backward()
    assert logits.grad is not None
    assert logits.grad.flatten().ne(0).tolist() == [True] * 8 + [False] * 2 + [True] * 10
    assert loss.item() == pytest.approx((16 * cost(4.0, 1) + 2 * cost(4.0, 0)) / 18)


def test_trimming_counts_known_fakes_of_each_head_apart() -> None:
    logits = torch.tensor([[3.0, -1.0], [-3.0, 2.0], [-9.0, 2.0], [1.0, 2.0], [2.0, 2.0]])
    weights = torch.ones(5, 2)
    weights[2, 0] = 0.0  # the costliest of the first head is unknown
    logits.requires_grad_()
    masked_bce(
        logits, torch.ones(5, 2), weights, LossConfig(smoothing=0.0, trim_fakes=0.25)
    ).backward()
    assert logits.grad is not None
    assert logits.grad.eq(0).nonzero().tolist() == [[0, 1], [1, 0], [2, 0]]


def test_rows_of_a_weight_are_seen_that_often_and_take_turns() -> None:
    weights = np.array([1.0] * 4 + [0.5] * 6 + [2.0] * 3)
    epochs = [draw_rows(weights, epoch=e, seed=5) for e in range(4)]
    assert (
        np.bincount(epochs[0], minlength=13)[[0, 1, 2, 3, 10, 11, 12]].tolist() == [1] * 4 + [2] * 3
    )
    assert all(sum((rows >= 4) & (rows < 10)) == 3 for rows in epochs)
    assert np.bincount(np.concatenate(epochs)).tolist() == [4] * 4 + [2] * 6 + [8] * 3
    assert np.array_equal(epochs[1], draw_rows(weights, epoch=1, seed=5))
    assert not np.array_equal(epochs[0], draw_rows(weights, epoch=0, seed=6))


def test_weighted_groups_stay_whole() -> None:
    groups = np.repeat(np.arange(8), 3)
    weights = np.repeat([0.5, 2.0], 12)
    times = np.bincount(draw_rows(weights, epoch=0, seed=0, groups=groups), minlength=24)
    assert all(len(set(of_group)) == 1 for of_group in times.reshape(8, 3).tolist())
    assert sorted(times.reshape(8, 3)[:, 0]) == [0, 0, 1, 1, 2, 2, 2, 2]


def test_undersampling_heeds_the_weights() -> None:
    labels = np.array([0.0] * 8 + [1.0] * 40 + [1.0] * 40)
    weights = np.array([0.5] * 8 + [1.0] * 40 + [3.0] * 40)
    seen = [undersample(labels, weights, epoch=e, seed=0) for e in range(10)]
    for rows in seen:
        assert (labels[rows] == 0).sum() == 4
        assert ((rows >= 8) & (rows < 48)).sum() == 1
        assert (rows >= 48).sum() == 3
    assert np.bincount(np.concatenate(seen))[:8].tolist() == [5] * 8
