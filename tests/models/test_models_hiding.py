"""Truth by construction: a cell that is the whole picture, and one that changes nothing."""

import timm
import torch

from avfake.models.frozen import Frozen, LayerFeatures
from avfake.models.hiding import HiddenCells, is_plain


def frozen(name: str = "test_vit", layers: tuple[int, ...] = (1, 3)) -> Frozen:
    torch.manual_seed(0)
    return Frozen(LayerFeatures(timm.create_model(name), layers))


def pictures(network: Frozen) -> torch.Tensor:
    side = network.network.network.patch_embed.img_size[0]
    return torch.randn(2, 3, side, side)


def test_a_cell_that_is_the_whole_picture_gives_the_features_of_the_other() -> None:
    network = frozen()
    picture, hidden = pictures(network)
    hiding = HiddenCells(network, 1)
    assert hiding.cells == 1
    found = hiding.features(picture, hidden)
    torch.testing.assert_close(found, network(hidden[None]), rtol=1e-2, atol=2e-2)


def test_cells_that_change_nothing_give_the_features_of_the_picture() -> None:
    network = frozen()
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
    assert not is_plain(None)
    assert not is_plain(Frozen(LayerFeatures(timm.create_model("test_resnet"), (1,))))
