"""Which rows an epoch sees: each as often as its weight says, in turn until all have been seen."""

import numpy as np

from avfake.errors import ConfigError

# Streams of random numbers, so that none of them says anything of another.
FAKES, SHUFFLE, REALS, ANY = 1, 2, 3, 4


def undersample(
    labels: np.ndarray,
    *,
    epoch: int,
    seed: int,
    groups: np.ndarray | None = None,
    ratio: float = 1.0,
    weights: np.ndarray | None = None,
) -> np.ndarray:
    """Shuffled row numbers of one epoch; the same for the same seed and epoch, on any machine.

    All reals and as many fakes. Every fake is seen once before any is seen twice (but for the few
    where one round ends and the next begins within an epoch). Rows of unknown label are left out.

    Args:
        labels: [N], 1 = fake, 0 = real, NaN = unknown
        groups: [N], the original each row comes from; fakes of one epoch are then spread over as
            many originals as there are
        ratio: fakes drawn per real
        weights: [N], how often an epoch sees a real, above 0: 0.5 = every other epoch, 2 = twice
            in each; and how often a fake, as against other fakes
    """
    if ratio <= 0:
        raise ConfigError(f"ratio must be above 0, got {ratio}")
    labels = np.asarray(labels, dtype=np.float64)
    weights = _checked(weights, len(labels))
    reals, fakes = np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)
    drawn = _draw(weights[reals], (seed, REALS), epoch=epoch)
    num_fakes, available = round(len(drawn) * ratio), weights[fakes].sum()
    share = num_fakes / available if len(drawn) and num_fakes < available else 1.0
    ids = None if groups is None else np.asarray(groups)[fakes]
    fakes = fakes[_draw(weights[fakes] * share, (seed, FAKES), epoch=epoch, groups=ids)]
    rows = np.concatenate([reals[drawn], fakes])
    np.random.default_rng((seed, SHUFFLE, epoch)).shuffle(rows)
    return rows


def draw_rows(
    weights: np.ndarray, *, epoch: int, seed: int, groups: np.ndarray | None = None
) -> np.ndarray:
    """Row numbers of one epoch, unshuffled, each row as often as its weight says.

    Args:
        weights: [N], above 0; 0.5 = every other epoch, 2 = twice in each
        groups: [N], rows that are drawn together or not at all; the first row's weight counts
    """
    weights = _checked(weights, len(weights))
    if groups is None:
        return _draw(weights, (seed, ANY), epoch=epoch)
    _, first, index = np.unique(groups, return_index=True, return_inverse=True)
    drawn = _draw(weights[first], (seed, ANY), epoch=epoch)
    times = np.bincount(drawn, minlength=len(first))
    return np.repeat(np.arange(len(weights)), times[index])


def _checked(weights: np.ndarray | None, num_rows: int) -> np.ndarray:
    found = np.ones(num_rows) if weights is None else np.asarray(weights, dtype=np.float64)
    if not (found > 0).all():
        raise ConfigError(f"sampling weights must be above 0, got {found.min()}")
    return found


def _draw(
    weights: np.ndarray,
    stream: tuple[int, int],
    *,
    epoch: int,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    """Places in `weights`; rows of one weight take turns among themselves."""
    drawn = [np.zeros(0, dtype=np.int64)]
    for weight in np.unique(weights):
        alike = np.flatnonzero(weights == weight)
        count = max(round(len(alike) * weight), 1)
        if count != len(alike):
            ids = None if groups is None else groups[alike]
            alike = alike[_turn(len(alike), count, epoch=epoch, stream=stream, groups=ids)]
        drawn.append(alike)
    return np.concatenate(drawn)


def _turn(
    num_rows: int,
    num_drawn: int,
    *,
    epoch: int,
    stream: tuple[int, int],
    groups: np.ndarray | None,
) -> np.ndarray:
    """The `epoch`-th stretch of `num_drawn` from an endless row of shuffled rounds."""
    start = epoch * num_drawn
    rounds = range(start // num_rows, (start + num_drawn - 1) // num_rows + 1)
    line = np.concatenate([_round(num_rows, (*stream, number), groups) for number in rounds])
    begin = start - rounds[0] * num_rows
    return line[begin : begin + num_drawn]


def _round(num_rows: int, key: tuple[int, ...], groups: np.ndarray | None) -> np.ndarray:
    """All rows once, shuffled; with groups, the first of each group, then the second, and so on."""
    order = np.random.default_rng(key).permutation(num_rows)
    if groups is None:
        return order
    by_group = np.argsort(groups[order], kind="stable")
    _, starts, sizes = np.unique(groups[order][by_group], return_index=True, return_counts=True)
    rank = np.empty(num_rows, dtype=np.int64)
    rank[by_group] = np.arange(num_rows) - np.repeat(starts, sizes)
    return order[np.argsort(rank, kind="stable")]
