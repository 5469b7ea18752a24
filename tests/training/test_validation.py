"""The numbers that choose an epoch, against their closed forms."""

import math

import pytest
import torch

from avfake.training.losses import class_losses

LOGITS = torch.tensor([[2.0, 0.0, 1.0], [-1.0, 3.0, -2.0], [0.5, 1.0, 0.0]])
LABELS = torch.tensor([[1.0, 1.0, 0.0], [0.0, 0.0, 0.0], [1.0, 1.0, 1.0]])


def softplus(x: float) -> float:
    return math.log1p(math.exp(x))


def test_classes_are_averaged_apart_and_fakes_weigh_more() -> None:
    found = class_losses(LOGITS, LABELS, torch.ones(3, 3))
    fake, real = (softplus(-2.0) + softplus(-0.5)) / 2, softplus(-1.0)
    assert found["overall_fake_loss"] == pytest.approx(fake)
    assert found["overall_real_loss"] == pytest.approx(real)
    assert found["weighted_log_loss"] == pytest.approx((1.4 * fake + real) / 2)
    assert found["voice_real_loss"] == pytest.approx((softplus(1.0) + softplus(-2.0)) / 2)


def test_unknown_labels_and_absent_classes_are_left_out() -> None:
    weights = torch.ones(3, 3)
    weights[1, 0] = 0.0  # the only real
    weights[2, 1] = 0.0
    found = class_losses(LOGITS, LABELS, weights)
    assert "overall_real_loss" not in found
    assert "weighted_log_loss" not in found
    assert found["face_fake_loss"] == pytest.approx(math.log(2))
