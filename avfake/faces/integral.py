"""Means over rectangles of pictures, from sums that are taken once."""

import torch


class Integral:
    """Sums of all pixels above and to the left, of T pictures of the same size.

    The mean over any rectangle takes four look-ups, so that many small pictures of regions are cut
    and resized at once. Sums are int32 and exact: where they exceed it, differences still hold.
    """

    def __init__(self, pixels: torch.Tensor) -> None:
        """pixels: uint8 [T, H, W, 3]."""
        self.count, self.height, self.width = pixels.shape[:3]
        shape = (self.count, self.height + 1, self.width + 1, 3)
        self._sums = torch.empty(shape, dtype=torch.int32, device=pixels.device)
        self._sums[:, 0], self._sums[:, :, 0] = 0, 0
        torch.cumsum(pixels, 2, dtype=torch.int32, out=self._sums[:, 1:, 1:])
        for row in range(1, self.height):  # half the time of `cumsum` over this axis
            self._sums[:, row + 1] += self._sums[:, row]

    @property
    def device(self) -> torch.device:
        """Where the sums lie."""
        return self._sums.device

    def resized(self, frames: slice, size: tuple[int, int]) -> torch.Tensor:
        """Return float32 [t, 3, h, w] in about [-1, 1]: whole pictures. size: h, w."""
        (top, bottom), (left, right) = (
            bins(torch.tensor([0]), torch.tensor([full]), wanted).to(self.device)[:, 0]
            for full, wanted in zip((self.height, self.width), size, strict=True)
        )
        sums = self._sums[frames]
        rows = sums.index_select(1, bottom) - sums.index_select(1, top)
        means = rows.index_select(2, right) - rows.index_select(2, left)
        areas = (bottom - top)[:, None, None] * (right - left)[:, None]
        return _normalised(means, areas)

    def sampled(
        self, frames: torch.Tensor, rows: torch.Tensor, columns: torch.Tensor
    ) -> torch.Tensor:
        """Return float32 [K, 3, n, m] in about [-1, 1]: the means over n by m cells.

        frames: int64 [K]; rows: int64 [2, K, n], first px of each cell and the one after its last;
        columns: int64 [2, K, m].
        """
        flat, stride = self._sums.view(-1, 3), self.width + 1
        starts = (frames * ((self.height + 1) * stride))[:, None]
        top, bottom = (starts + side * stride for side in rows)
        left, right = columns

        def corner(y: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
            positions = y[:, :, None] + x[:, None]
            return flat.index_select(0, positions.view(-1)).view(*positions.shape, 3)

        means = corner(bottom, right) - corner(top, right)
        means += corner(top, left) - corner(bottom, left)
        heights, widths = rows[1] - rows[0], columns[1] - columns[0]
        return _normalised(means, (heights[:, :, None] * widths[:, None])[..., None])

    def cut(self, frames: torch.Tensor, squares: torch.Tensor, side: int) -> torch.Tensor:
        """Return float32 [K, 3, side, side]: regions, each resized by averaging.

        squares: int64 [K, 4] x0, y0, x1, y1 px inside of the picture, x1 and y1 exclusive.
        """
        rows, columns = (bins(squares[:, i], squares[:, i + 2], side) for i in (1, 0))
        return self.sampled(frames, rows, columns)


def bins(starts: torch.Tensor, ends: torch.Tensor, count: int) -> torch.Tensor:
    """Return int64 [2, K, count]: first px and the one after the last of each cell of K lengths.

    Cells share a pixel where the length is no multiple of their number, as in adaptive pooling.
    """
    lengths = (ends - starts)[:, None]
    cells = torch.arange(count, device=starts.device)
    lows = (cells * lengths).div(count, rounding_mode="floor")
    highs = -(-(cells + 1) * lengths).div(count, rounding_mode="floor")
    return starts[:, None] + torch.stack([lows, highs])


def _normalised(sums: torch.Tensor, areas: torch.Tensor) -> torch.Tensor:
    """Convert sums [.., h, w, 3] to what the networks of MTCNN take, in their order of axes."""
    return ((sums / areas - 127.5) / 128).permute(0, 3, 1, 2)
