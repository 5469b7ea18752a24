"""The visual branch sees the frames that are there, in any order, and nothing else."""

import logging
from dataclasses import replace

import pytest
import timm
import torch
from torch import nn

from avfake.errors import ConfigError
from avfake.models import backbone as backbone_module
from avfake.models.backbone import load_backbone
from avfake.models.branch import ItemNorm
from avfake.models.visual import VisualBranch, VisualConfig

TINY = VisualConfig(
    backbone="test_resnet", weights="none", size_px=32, embedding_dim=8, drop_path=0.0
)


@pytest.fixture
def branch() -> VisualBranch:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return VisualBranch(TINY).eval()


def faces_of(*shape: int, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator)


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
def test_what_stands_at_padding_changes_nothing(branch: VisualBranch, training: bool) -> None:
    branch = VisualBranch(VisualConfig(**{**vars(TINY), "dropout": 0.0})).train(training)
    faces = faces_of(2, 3, 3, 32, 32)
    mask = torch.tensor([[True, False, True], [True, False, False]])
    other = torch.where(mask[:, :, None, None, None], faces, 255 - faces)
    first, second = branch(faces, mask), branch(other, mask)
    assert torch.equal(first.embedding, second.embedding)
    assert torch.equal(first.item_logits, second.item_logits)


def test_more_padding_changes_nothing(branch: VisualBranch) -> None:
    faces = faces_of(1, 5, 3, 32, 32)
    mask = torch.tensor([[True, True, False, False, False]])
    short = branch(faces[:, :2], mask[:, :2])
    assert torch.allclose(branch(faces, mask).embedding, short.embedding, atol=1e-6)


def test_a_batch_answers_as_its_clips_do_alone(branch: VisualBranch) -> None:
    faces, mask = faces_of(4, 3, 3, 32, 32), torch.tensor([[True, True, False]]).repeat(4, 1)
    together = branch(faces, mask)
    for index in range(4):
        alone = branch(faces[index : index + 1], mask[:1])
        assert torch.allclose(together.embedding[index], alone.embedding[0], atol=1e-5)
        assert torch.allclose(together.item_logits[index], alone.item_logits[0], atol=1e-5)


def test_the_order_of_frames_does_not_matter(branch: VisualBranch) -> None:
    faces, mask = faces_of(1, 4, 3, 32, 32), torch.ones(1, 4, dtype=torch.bool)
    order = torch.tensor([2, 0, 3, 1])
    straight, mixed = branch(faces, mask), branch(faces[:, order], mask)
    assert torch.allclose(straight.embedding, mixed.embedding, atol=1e-5)
    assert torch.allclose(straight.item_logits[:, order], mixed.item_logits, atol=1e-5)


def test_shares_sum_to_one_over_the_frames_that_are_there(branch: VisualBranch) -> None:
    mask = torch.tensor([[True, True, False], [False, False, False]])
    out = branch(faces_of(2, 3, 3, 32, 32), mask)
    assert out.item_shares.sum(dim=1).tolist() == pytest.approx([1.0, 0.0])
    assert out.item_shares[~mask].eq(0).all()
    assert out.present.tolist() == [True, False]


def test_a_batch_without_any_face_still_answers_and_trains(branch: VisualBranch) -> None:
    out = branch.train()(faces_of(2, 3, 3, 32, 32), torch.zeros(2, 3, dtype=torch.bool))
    assert out.embedding.eq(0).all()
    out.embedding.sum().backward()


def test_padding_never_reaches_the_network(branch: VisualBranch) -> None:
    seen: list[int] = []
    branch.backbone.register_forward_pre_hook(lambda _, inputs: seen.append(len(inputs[0])))
    branch(faces_of(2, 4, 3, 32, 32), torch.tensor([[True, False, False, False]] * 2))
    assert seen == [2]


def test_pixels_are_normalised_with_the_numbers_of_the_backbone(branch: VisualBranch) -> None:
    flat = torch.full((1, 3, 32, 32), 255, dtype=torch.uint8)
    assert branch.normalise(flat)[0, :, 0, 0].tolist() == [1, 1, 1]  # test_resnet: 0.5 and 0.5
    imagenet = load_backbone("resnet10t", weights="none")
    assert (imagenet.mean, imagenet.std) == ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def test_pixels_may_be_left_as_they_are() -> None:
    plain = VisualBranch(replace(TINY, normalise=False))
    white = torch.full((1, 3, 32, 32), 255, dtype=torch.uint8)
    assert torch.equal(plain.normalise(white), torch.ones(1, 3, 32, 32))


def test_the_head_between_two_batch_normalisations_bears_a_single_crop() -> None:
    torch.manual_seed(0)
    branch = VisualBranch(replace(TINY, head="bn_mlp", dropout=0.5, size_px=96))
    kinds = [type(layer) for layer in branch.encoder.project]
    assert kinds == [ItemNorm, nn.Dropout, nn.Linear, nn.ReLU, ItemNorm, nn.Dropout]
    faces, mask = faces_of(1, 1, 3, 96, 96), torch.ones(1, 1, dtype=torch.bool)
    trained = branch.train()(faces, mask)
    trained.item_logits.sum().backward()
    assert torch.isfinite(trained.embedding).all()
    branch.eval()
    several = branch(faces_of(3, 2, 3, 32, 32), torch.ones(3, 2, dtype=torch.bool))
    assert several.embedding.shape == (3, 8)


def test_an_unknown_head_is_answered_with_near_names() -> None:
    with pytest.raises(ConfigError, match="did you mean 'bn_mlp'"):
        VisualConfig(**{**vars(TINY), "head": "bn-mlp"})


def test_crops_of_another_size_are_resized(branch: VisualBranch) -> None:
    pictures = branch.normalise(faces_of(2, 3, 80, 80))
    assert pictures.shape == (2, 3, 32, 32)


def test_gradient_reaches_the_pixels_for_saliency(branch: VisualBranch) -> None:
    pixels = faces_of(1, 2, 3, 32, 32).float().requires_grad_()
    branch(pixels, torch.tensor([[True, False]])).embedding[0, 0].backward()
    assert pixels.grad is not None
    assert pixels.grad[0, 0].abs().sum() > 0
    assert pixels.grad[0, 1].abs().sum() == 0


def test_an_unknown_backbone_is_answered_with_near_names() -> None:
    with pytest.raises(ConfigError, match=r"did you mean .*tf_efficientnet_b0"):
        VisualBranch(VisualConfig(backbone="tf_eficientnet_b0"))


def test_unknown_weights_are_answered_with_those_there_are() -> None:
    with pytest.raises(ConfigError, match="r160_in1k"):
        load_backbone("test_resnet.nowhere", weights="none")


@pytest.mark.parametrize(
    "name", ["test_resnet", "test_efficientnet", "test_vit", "mobilenetv3_small_050"]
)
def test_features_have_the_stated_dimension(name: str) -> None:
    backbone = load_backbone(name, weights="none", size_px=64)
    features = backbone.network.eval()(torch.zeros(1, 3, 64, 64))
    assert features.shape == (1, backbone.feature_dim)


def test_a_network_of_one_size_cannot_read_spectrograms() -> None:
    with pytest.raises(ConfigError, match="resnet10t"):
        load_backbone("test_vit", weights="none", channels=1)


def test_missing_weights_warn_and_leave_random_ones(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(backbone_module, "_why_no_weights", lambda name: "unplugged")
    with caplog.at_level(logging.WARNING):
        backbone = load_backbone("test_resnet", weights="hub")
    assert not backbone.pretrained_used
    assert "unplugged" in caplog.text


def test_a_failed_download_warns_and_leaves_random_weights(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    create = timm.create_model

    def fail(name: str, *, pretrained: bool, **options: object) -> torch.nn.Module:
        if pretrained:
            raise OSError("connection lost")
        return create(name, pretrained=False, **options)

    monkeypatch.setattr(backbone_module, "_why_no_weights", lambda name: "")
    monkeypatch.setattr(timm, "create_model", fail)
    assert not load_backbone("test_resnet", weights="hub").pretrained_used
    assert "connection lost" in caplog.text


def test_a_host_that_does_not_answer_is_found_out_at_once() -> None:
    assert "cannot reach" in backbone_module._why_unreachable("http://127.0.0.1:9/model")


@pytest.mark.parametrize("wrong", [{"size_px": 8}, {"dropout": 1.0}, {"embedding_dim": 0}])
def test_settings_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        VisualConfig(**wrong)
