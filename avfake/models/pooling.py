"""Attention pooling of a masked set.

Each item is given a share by a small gated network, the shares of a clip sum to one, and the clip
is the shared sum: a few forged frames can outweigh many genuine ones, and the shares say which.
Reference: Ilse, Tomczak & Welling 2018, Attention-based Deep Multiple Instance Learning.
[B, N, D], mask [B, N] -> [B, D], shares [B, N]. 2 H (D + 1) + H + 1 parameters.
"""

import torch
from torch import Tensor, nn


class AttentionPool(nn.Module):
    """Sum of the items by learned shares; the order of the items does not matter."""

    def __init__(self, dim: int, hidden_dim: int = 64) -> None:
        super().__init__()
        self.content = nn.Linear(dim, hidden_dim)
        self.gate = nn.Linear(dim, hidden_dim)
        self.score = nn.Linear(hidden_dim, 1)

    def forward(self, items: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Pooled items and shares, both float32; zeros for a row without any item."""
        hidden = torch.tanh(self.content(items)) * torch.sigmoid(self.gate(items))
        scores = self.score(hidden).squeeze(-1).float()  # [B, N, D] -> [B, N]
        # The lowest finite number, not -inf: the softmax of a row of -inf is NaN.
        shares = scores.masked_fill(~mask, torch.finfo(torch.float32).min).softmax(dim=1) * mask
        return (shares.unsqueeze(-1) * items.float()).sum(dim=1), shares
