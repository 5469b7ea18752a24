"""What a vision transformer makes of a picture when one cell of it is hidden, at a small cost.

Hiding a cell changes its own tokens and the class token most. Only these are computed anew, in
every layer against the keys and values that all other tokens have in the whole picture: an
approximation, since the others would change a little, too. docs/evaluation.md says how good it is.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from avfake.models.frozen import Frozen, LayerFeatures, pool_layer
from avfake.models.picture_encoder import PictureEncoder


class HiddenCells:
    """The tokens of a vision transformer, in square cells."""

    def __init__(self, frozen: Frozen, cells_wanted: int) -> None:
        """
        Args:
            frozen: for which `is_plain` holds
            cells_wanted: cells along a side; the nearest number that divides the tokens is taken
        """
        assert isinstance(frozen.network, LayerFeatures)
        self.layers = frozen.network.layers
        network: Any = frozen.network.network  # of timm, which states no types, or with its names
        self.network = network
        self.side: int = network.patch_embed.grid_size[0]
        divisors = [n for n in range(1, self.side + 1) if self.side % n == 0]
        self.cells = min(divisors, key=lambda n: abs(n - cells_wanted))
        prefix = network.num_prefix_tokens
        positions = torch.arange(self.side**2).view(self.side, self.side)
        per_cell = self.side // self.cells
        tokens = positions.unfold(0, per_cell, per_cell).unfold(1, per_cell, per_cell)
        tokens = prefix + tokens.reshape(self.cells**2, -1)
        self.tokens = torch.cat([torch.arange(prefix).expand(len(tokens), -1), tokens], dim=1)
        """[cells ** 2, T]: the prefix and the tokens of each cell, row by row."""

    @torch.no_grad()
    def features(self, picture: Tensor, hidden: Tensor) -> Tensor:
        """Return float32 [cells ** 2, F]: the features of a picture without each of its cells.

        Args:
            picture, hidden: [C, S, S], as the network takes them; cells come from the second
        """
        self.network.to(picture.device)
        with torch.autocast(picture.device.type, enabled=False):
            return self._features(picture, hidden)

    def _features(self, picture: Tensor, hidden: Tensor) -> Tensor:
        whole, instead = self._embed(torch.stack([picture, hidden])).split(1)
        index = self.tokens.to(picture.device)
        changed = instead[0][index]  # [cells ** 2, T, D]
        found = []
        for number, block in enumerate(self.network.blocks[: max(self.layers) + 1]):
            whole, keys, values = _step(block, whole)
            changed = _step_of_some(block, changed, index, keys, values)
            if number in self.layers:
                states = whole.expand(len(index), -1, -1).clone()
                at = index[..., None].expand_as(changed)
                found.append(self._pooled(states.scatter(1, at, changed)))
        return torch.cat(found, dim=1)

    def _embed(self, pictures: Tensor) -> Tensor:
        network = self.network
        tokens: Tensor = network.norm_pre(network._pos_embed(network.patch_embed(pictures)))
        return tokens

    def _pooled(self, states: Tensor) -> Tensor:
        prefix = self.network.num_prefix_tokens
        return pool_layer((states[:, prefix:], states[:, :prefix]))


def is_plain(frozen: Frozen | None) -> bool:
    """Return whether a network is a vision transformer whose blocks are computed as here."""
    network = frozen.network if frozen else None
    if not isinstance(network, LayerFeatures):
        return False
    if isinstance(network.network, PictureEncoder):
        return True
    from timm.models.vision_transformer import Attention, Block, VisionTransformer

    if type(network.network) is not VisionTransformer:
        return False
    vit = network.network
    blocks = all(type(one) is Block and type(one.attn) is Attention for one in vit.blocks)
    grid = vit.patch_embed.grid_size
    plain = blocks and not any(getattr(one.attn, "gate", None) for one in vit.blocks)
    return plain and vit.num_prefix_tokens > 0 and grid is not None and grid[0] == grid[1]


def _step(block: Any, states: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the states after a block [1, L, D], and the keys and values in it."""
    query, keys, values = _query_key_value(block, states)
    return _finish(block, states, query, keys, values), keys, values


def _step_of_some(
    block: Any, states: Tensor, index: Tensor, keys: Tensor, values: Tensor
) -> Tensor:
    """Return the states [N, T, D] of some tokens after a block.

    Args:
        index: [N, T] which of all tokens they are
        keys, values: [1, heads, L, D / heads] of all tokens of the whole picture
    """
    query, own_keys, own_values = _query_key_value(block, states)
    at = index[:, None, :, None].expand_as(own_keys)
    shape = (len(index), -1, -1, -1)
    keys = keys.expand(*shape).scatter(2, at, own_keys)
    values = values.expand(*shape).scatter(2, at, own_values)
    return _finish(block, states, query, keys, values)


def _query_key_value(block: Any, states: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    attention = block.attn
    found = attention.qkv(block.norm1(states)).unflatten(-1, (3, attention.num_heads, -1))
    query, keys, values = found.permute(2, 0, 3, 1, 4)
    return attention.q_norm(query), attention.k_norm(keys), values


def _finish(block: Any, states: Tensor, query: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    attention = block.attn
    attended = F.scaled_dot_product_attention(query, keys, values).transpose(1, 2).flatten(2)
    states = states + block.ls1(attention.proj(attention.norm(attended)))
    after: Tensor = states + block.ls2(block.mlp(block.norm2(states)))
    return after
