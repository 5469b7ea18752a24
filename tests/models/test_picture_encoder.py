"""The own tower and timm's are one network."""

import pytest
import torch
from torch import nn

from avfake.errors import ConfigError
from avfake.models.backbone import load_backbone
from avfake.models.frozen import Frozen, LayerFeatures
from avfake.models.picture_encoder import PictureEncoder

NAME = "vit_base_patch16_clip_quickgelu_224"
LAYERS = (0, 2)


@pytest.fixture(scope="module")
def stored() -> dict[str, torch.Tensor]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = of_timm().network
        for weights in network.state_dict().values():
            nn.init.normal_(weights, std=0.05)  # the layers that begin as identities, too
        return Frozen(network).save_state()


def of_timm() -> Frozen:
    network = load_backbone(NAME, weights="none", size_px=64, layers=LAYERS, tune="none").network
    assert isinstance(network, Frozen)
    return network


def of_a_bundle() -> Frozen:
    backbone = load_backbone(
        NAME, weights="none", size_px=64, layers=LAYERS, tune="none", empty=True
    )
    assert isinstance(backbone.network, Frozen)
    assert isinstance(backbone.network.network, LayerFeatures)
    assert isinstance(backbone.network.network.network, PictureEncoder)
    return backbone.network


def test_both_give_the_same_features(stored: dict[str, torch.Tensor]) -> None:
    expected, found = of_timm(), of_a_bundle()
    expected.load_state(stored)
    found.load_state(stored)
    assert list(found.save_state()) == list(expected.save_state())
    pictures = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(found(pictures), expected(pictures))


def test_both_state_the_same_sizes_and_normalisation() -> None:
    args = {"weights": "none", "size_px": 64, "layers": LAYERS, "tune": "none"}
    expected, found = load_backbone(NAME, **args), load_backbone(NAME, **args, empty=True)
    for name in ("feature_dim", "mean", "std", "pretrained_used"):
        assert getattr(found, name) == getattr(expected, name)


def test_a_block_that_is_not_there_is_refused_by_both() -> None:
    for empty in (False, True):
        with pytest.raises(ConfigError, match="has layers 0 to 11, got 12"):
            load_backbone(NAME, weights="none", size_px=64, layers=(12,), tune="none", empty=empty)


def test_a_network_that_is_trained_is_timms() -> None:
    backbone = load_backbone(NAME, weights="none", size_px=64, layers=(0,), empty=True)
    assert not isinstance(getattr(backbone.network, "network", None), PictureEncoder)
