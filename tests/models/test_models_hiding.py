"""Truth by construction: a cell that is the whole picture, and one that changes nothing."""

import pytest
import timm
import torch

from avfake.detector.bundle import Bundle
from avfake.models.frozen import Frozen, LayerFeatures
from avfake.models.hiding import HiddenCells, is_plain
from avfake.models.picture_encoder import PictureEncoder, Tower


def frozen(kind: str = "timm") -> Frozen:
    torch.manual_seed(0)
    if kind == "timm":
        return Frozen(LayerFeatures(timm.create_model("test_vit"), (1, 3)))
    own = PictureEncoder(Tower(size_px=160, width=64, num_heads=2), 4)
    for weights in own.parameters():
        torch.nn.init.normal_(weights, std=0.1)
    return Frozen(LayerFeatures(own, (1, 3)))


def pictures(network: Frozen) -> torch.Tensor:
    side = network.network.network.patch_embed.grid_size[0] * 16
    return torch.randn(2, 3, side, side)


both = pytest.mark.parametrize("kind", ["timm", "own"])


@both
def test_a_cell_that_is_the_whole_picture_gives_the_features_of_the_other(kind: str) -> None:
    network = frozen(kind)
    picture, hidden = pictures(network)
    hiding = HiddenCells(network, 1)
    assert hiding.cells == 1
    found = hiding.features(picture, hidden)
    torch.testing.assert_close(found, network(hidden[None]), rtol=1e-2, atol=2e-2)


@both
def test_cells_that_change_nothing_give_the_features_of_the_picture(kind: str) -> None:
    network = frozen(kind)
    picture, _ = pictures(network)
    hiding = HiddenCells(network, 5)
    found = hiding.features(picture, picture)
    assert found.shape == (hiding.cells**2, network(picture[None]).shape[1])
    torch.testing.assert_close(found, network(picture[None]).expand_as(found), rtol=1e-2, atol=2e-2)


def test_a_cell_holds_its_own_square_of_tokens() -> None:
    hiding = HiddenCells(frozen(), 5)
    per_cell = hiding.side // hiding.cells
    assert hiding.cells * per_cell == hiding.side
    own = hiding.tokens[:, 1:] - 1
    assert sorted(own.flatten().tolist()) == list(range(hiding.side**2))
    rows, columns = own[1] // hiding.side, own[1] % hiding.side
    assert set(rows.tolist()) == set(range(per_cell))
    assert set(columns.tolist()) == set(range(per_cell, 2 * per_cell))


def test_other_networks_are_not_taken_for_plain_ones() -> None:
    assert is_plain(frozen())
    assert is_plain(frozen("own"))
    assert not is_plain(None)
    assert not is_plain(Frozen(LayerFeatures(timm.create_model("test_resnet"), (1,))))


def test_the_network_of_the_shipped_detector_is_a_plain_one() -> None:
    for model in Bundle.read("default").models:
        assert model.visual is not None
        assert is_plain(model.visual.frozen)
