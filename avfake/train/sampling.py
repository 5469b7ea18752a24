"""Which rows an epoch sees: all reals, and as many fakes, in turn until each has been seen."""

import numpy as np

from avfake.errors import ConfigError


def undersample(
    labels: np.ndarray,
    *,
    epoch: int,
    seed: int,
    groups: np.ndarray | None = None,
    ratio: float = 1.0,
) -> np.ndarray:
    """Shuffled row numbers of one epoch; the same for the same seed and epoch, on any machine.

    Every fake is seen once before any is seen twice (but for the few where one round ends and the
    next begins within an epoch). Rows of unknown label are left out.

    Args:
        labels: [N], 1 = fake, 0 = real, NaN = unknown
        groups: [N], the original each row comes from; fakes of one epoch are then spread over as
            many originals as there are
        ratio: fakes drawn per real
    """
    if ratio <= 0:
        raise ConfigError(f"ratio must be above 0, got {ratio}")
    labels = np.asarray(labels, dtype=np.float64)
    reals, fakes = np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)
    num_drawn = round(len(reals) * ratio)
    if len(reals) and num_drawn < len(fakes):
        ids = None if groups is None else np.asarray(groups)[fakes]
        fakes = fakes[_turn(len(fakes), num_drawn, epoch, seed, ids)]
    rows = np.concatenate([reals, fakes])
    # 2 tells this stream of numbers from that of the rounds, so that the two are independent.
    np.random.default_rng((seed, 2, epoch)).shuffle(rows)
    return rows


def _turn(
    num_rows: int, num_drawn: int, epoch: int, seed: int, groups: np.ndarray | None
) -> np.ndarray:
    """The `epoch`-th stretch of `num_drawn` from an endless row of shuffled rounds."""
    num_drawn = max(num_drawn, 1)
    start = epoch * num_drawn
    rounds = range(start // num_rows, (start + num_drawn - 1) // num_rows + 1)
    line = np.concatenate([_round(num_rows, seed, number, groups) for number in rounds])
    begin = start - rounds[0] * num_rows
    return line[begin : begin + num_drawn]


def _round(num_rows: int, seed: int, number: int, groups: np.ndarray | None) -> np.ndarray:
    """All rows once, shuffled; with groups, the first of each group, then the second, and so on."""
    order = np.random.default_rng((seed, 1, number)).permutation(num_rows)
    if groups is None:
        return order
    by_group = np.argsort(groups[order], kind="stable")
    _, starts, sizes = np.unique(groups[order][by_group], return_index=True, return_counts=True)
    rank = np.empty(num_rows, dtype=np.int64)
    rank[by_group] = np.arange(num_rows) - np.repeat(starts, sizes)
    return order[np.argsort(rank, kind="stable")]
