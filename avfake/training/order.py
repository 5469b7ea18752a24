"""Which training clips an epoch sees and in which order, from (seed, epoch) alone."""

from collections.abc import Sequence

import numpy as np

from avfake.training.config import DataConfig
from avfake.training.fitting.sampling import draw_rows, undersample
from avfake.training.plan import Example


class EpochOrder:
    """Numbers of the examples of each epoch, the first of which is 1."""

    def __init__(
        self,
        examples: Sequence[Example],
        config: DataConfig,
        *,
        seed: int,
        folders: Sequence[str],
    ) -> None:
        """folders: the names of the folders joined, in their order."""
        weight_of = config.weights_of(folders)
        self.config, self.seed = config, seed
        self.labels = np.array([e.labels.overall for e in examples])
        self.groups = np.array([e.row.group for e in examples])
        self.weights = np.array([weight_of[e.folder] for e in examples])

    def __call__(self, epoch: int) -> np.ndarray:
        passes = self.config.passes
        turns = range((epoch - 1) * passes, epoch * passes)
        return np.concatenate([self._turn(turn) for turn in turns])

    def _turn(self, turn: int) -> np.ndarray:
        given = {"epoch": turn, "seed": self.seed}
        if self.config.undersample:
            return undersample(self.labels, groups=self.groups, weights=self.weights, **given)
        keep = self.config.keep_groups
        rows = draw_rows(self.weights, groups=self.groups if keep else None, **given)
        order = rows[np.random.default_rng([self.seed, turn]).permutation(len(rows))]
        if keep:
            # Groups in the order in which a shuffle first meets them, each whole.
            _, first, index = np.unique(self.groups[order], return_index=True, return_inverse=True)
            order = order[np.argsort(first[index], kind="stable")]
        return order
