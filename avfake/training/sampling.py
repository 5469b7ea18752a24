"""Which training clips an epoch contains, and in which order, from (seed, epoch) alone.

Each clip comes as often as its weight says; clips of one weight take turns. Own code: torch's
samplers draw with replacement, so that some clips would not come for many epochs.
"""

from collections.abc import Sequence

import numpy as np

from avfake.training.config import DataConfig
from avfake.training.plan import Example

# Independent streams of random numbers.
FAKES, SHUFFLE, REALS, ANY = 1, 2, 3, 4


class EpochOrder:
    """Numbers of the examples of each epoch, the first of which is 1."""

    def __init__(
        self, examples: Sequence[Example], config: DataConfig, *, seed: int, folders: Sequence[str]
    ) -> None:
        """folders: names of all folders of the run, in their order."""
        weight_of = config.weights_of(folders)
        self.config, self.seed = config, seed
        self.labels = np.array([e.labels.overall for e in examples])
        self.groups = np.array([e.row.group for e in examples])
        of_folder = np.array([weight_of[e.folder] for e in examples])
        self.weights = of_folder * group_weights(self.groups, config.group_power)

    def __call__(self, epoch: int) -> np.ndarray:
        passes = self.config.passes
        numbers = range((epoch - 1) * passes, epoch * passes)
        return np.concatenate([self._one_pass(number) for number in numbers])

    def _one_pass(self, number: int) -> np.ndarray:
        if self.config.undersample:
            return undersample(
                self.labels, self.weights, epoch=number, seed=self.seed, groups=self.groups
            )
        keep = self.config.keep_groups
        groups = self.groups if keep else None
        rows = draw_rows(self.weights, epoch=number, seed=self.seed, groups=groups)
        order = rows[np.random.default_rng([self.seed, number]).permutation(len(rows))]
        if keep:
            # Groups in the order of their first member in the shuffle, each whole.
            _, first, index = np.unique(self.groups[order], return_index=True, return_inverse=True)
            order = order[np.argsort(first[index], kind="stable")]
        return order


def group_weights(groups: np.ndarray, power: float) -> np.ndarray:
    """Return float64 [N] of mean 1 for groups [N]: each row 1 / (rows of its group) ** power."""
    _, index, counts = np.unique(groups, return_inverse=True, return_counts=True)
    weights = counts[index].astype(np.float64) ** -power
    return weights / weights.mean() if len(weights) else weights


def undersample(
    labels: np.ndarray,
    weights: np.ndarray | float = 1.0,
    *,
    epoch: int,
    seed: int,
    groups: np.ndarray | None = None,
) -> np.ndarray:
    """Return shuffled row numbers of one epoch: all genuine clips and as many fakes.

    Every fake comes once before any comes twice (but for the few where one round ends and the next
    begins within an epoch). Rows of unknown label are left out.

    Args:
        labels: [N], 1 = fake, 0 = genuine, NaN = unknown
        weights: [N], above 0: how often an epoch contains a genuine clip, 0.5 = every other epoch,
            2 = twice in each; and how often a fake, relative to other fakes
        groups: [N], original of each row; fakes of one epoch then come from as many originals as
            there are
    """
    labels = np.asarray(labels, dtype=np.float64)
    weights = np.broadcast_to(np.asarray(weights), labels.shape)
    reals, fakes = np.flatnonzero(labels == 0), np.flatnonzero(labels == 1)
    drawn = _draw(weights[reals], (seed, REALS), epoch=epoch)
    available = weights[fakes].sum()
    share = len(drawn) / available if 0 < len(drawn) < available else 1.0
    ids = None if groups is None else np.asarray(groups)[fakes]
    fakes = fakes[_draw(weights[fakes] * share, (seed, FAKES), epoch=epoch, groups=ids)]
    rows = np.concatenate([reals[drawn], fakes])
    np.random.default_rng((seed, SHUFFLE, epoch)).shuffle(rows)
    return rows


def draw_rows(
    weights: np.ndarray, *, epoch: int, seed: int, groups: np.ndarray | None = None
) -> np.ndarray:
    """Return unshuffled row numbers of one epoch, each row as often as its weight says.

    Args:
        weights: [N], above 0; 0.5 = every other epoch, 2 = twice in each
        groups: [N], rows that are drawn together or not at all; the first row's weight counts
    """
    if groups is None:
        return _draw(weights, (seed, ANY), epoch=epoch)
    _, first, index = np.unique(groups, return_index=True, return_inverse=True)
    drawn = _draw(weights[first], (seed, ANY), epoch=epoch)
    times = np.bincount(drawn, minlength=len(first))
    return np.repeat(np.arange(len(weights)), times[index])


def _draw(
    weights: np.ndarray, stream: tuple[int, int], *, epoch: int, groups: np.ndarray | None = None
) -> np.ndarray:
    """Return indices into `weights`; rows of one weight take turns among themselves."""
    drawn = [np.zeros(0, dtype=np.int64)]
    for weight in np.unique(weights):
        alike = np.flatnonzero(weights == weight)
        size, count = len(alike), max(round(len(alike) * weight), 1)
        if count != size:
            # The `epoch`-th run of `count` rows from an endless sequence of shuffled rounds.
            ids = None if groups is None else groups[alike]
            start = epoch * count
            rounds = range(start // size, (start + count - 1) // size + 1)
            line = np.concatenate([_round(size, (*stream, number), ids) for number in rounds])
            alike = alike[line[start % size :][:count]]
        drawn.append(alike)
    return np.concatenate(drawn)


def _round(num_rows: int, key: tuple[int, ...], groups: np.ndarray | None) -> np.ndarray:
    """Return all rows once, shuffled; first the first row of each group, then the second, ..."""
    order = np.random.default_rng(key).permutation(num_rows)
    if groups is None:
        return order
    by_group = np.argsort(groups[order], kind="stable")
    _, starts, sizes = np.unique(groups[order][by_group], return_index=True, return_counts=True)
    rank = np.empty(num_rows, dtype=np.int64)
    rank[by_group] = np.arange(num_rows) - np.repeat(starts, sizes)
    return order[np.argsort(rank, kind="stable")]
