"""Out-of-fold rows with the check that they are, and group folds for the stacker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from avfake.calibration.features import FEATURES, modalities_of
from avfake.errors import ConfigError
from avfake.labels import OUTPUTS


@dataclass(frozen=True)
class OutOfFold:
    """Rows scored by branches that never saw their groups: all that a stacker may be trained on.

    A clip may have several rows: its full row first, then copies with one modality left out.
    """

    rows: np.ndarray
    """float32 [N, F] from `ClipScores.row`."""
    clip_ids: Sequence[str]
    groups: Sequence[str]
    """[N] which rows must stay together: the id of the original, a speaker."""
    labels: Mapping[str, np.ndarray]
    """Output -> float [N]: 1 fake, 0 genuine, NaN unknown."""
    fold: np.ndarray
    """int [N]: index into `trained_on` of the member that scored the row."""
    trained_on: Sequence[frozenset[str]]
    """The groups that each member was trained on."""

    def __post_init__(self) -> None:
        self._check_shapes()
        for number, member in enumerate(self.trained_on):
            if not member:
                raise ConfigError(
                    f"trained_on[{number}] is empty: a member needs its training groups"
                )
        leaked = [
            f"{clip_id} (group {group}, member {fold})"
            for clip_id, group, fold in zip(self.clip_ids, self.groups, self.fold, strict=True)
            if group in self.trained_on[fold]
        ]
        if leaked:
            raise ConfigError(
                f"{len(leaked)} of {len(self)} rows were scored by a member trained on their own "
                f"group, so they are not out-of-fold: {', '.join(leaked[:5])}"
                + (", ..." if len(leaked) > 5 else "")
            )

    def __len__(self) -> int:
        return len(self.clip_ids)

    @property
    def modalities(self) -> np.ndarray:
        """str [N] of `MODALITIES`: what each row was assessed by."""
        return modalities_of(self.rows)

    def one_a_clip(self, chosen: np.ndarray | None = None) -> np.ndarray:
        """Return the index of the first chosen row of each clip, so that no clip counts twice.

        chosen: bool [N]; None = all, so that the first is the row in which nothing was left out
        """
        rows = np.arange(len(self)) if chosen is None else np.flatnonzero(chosen)
        return rows[np.unique(np.asarray(self.clip_ids)[rows], return_index=True)[1]]

    def folds(self, labels: np.ndarray, *, num_folds: int, seed: int) -> np.ndarray | None:
        """Return `group_folds` of the rows for these labels [N]."""
        return group_folds(labels, self.groups, num_folds=num_folds, seed=seed)

    def _check_shapes(self) -> None:
        if self.rows.shape != (len(self), len(FEATURES)):
            raise ConfigError(
                f"rows must be [{len(self)}, {len(FEATURES)}], got {list(self.rows.shape)}"
            )
        if unknown := set(self.labels) - set(OUTPUTS):
            raise ConfigError(f"labels for {sorted(unknown)}; allowed: {', '.join(OUTPUTS)}")
        for name, values in {**self.labels, "groups": self.groups, "fold": self.fold}.items():
            if len(values) != len(self):
                raise ConfigError(f"{name} has {len(values)} values for {len(self)} clip_ids")
        for name, labels in self.labels.items():
            if not np.all(np.isin(labels, [0, 1]) | np.isnan(labels)):
                raise ConfigError(f"labels of {name} must be 1, 0 or NaN")
        if len(self) and not 0 <= np.min(self.fold) <= np.max(self.fold) < len(self.trained_on):
            raise ConfigError(f"fold must lie in 0..{len(self.trained_on) - 1}")


def group_folds(
    labels: np.ndarray, groups: Sequence[str], *, num_folds: int, seed: int
) -> np.ndarray | None:
    """Return the fold of each row, int [N], groups whole, classes spread; None for too few groups.

    labels: [N] 1, 0 or NaN; rows without a label get a fold too, so that they can be scored.
    """
    from sklearn.model_selection import StratifiedGroupKFold

    names, index = np.unique(np.asarray(groups, str), return_inverse=True)
    known = ~np.isnan(labels)
    groups_per_class = [len(set(index[labels == label])) for label in (0, 1)]
    num_folds = min(num_folds, *groups_per_class)
    if num_folds < 2:
        return None
    # Groups without any label are distributed in turn.
    fold_of_group = np.arange(len(names)) % num_folds
    splitter = StratifiedGroupKFold(num_folds, shuffle=True, random_state=seed)
    parts = splitter.split(np.zeros(known.sum()), labels[known], index[known])
    for number, (_, held_out) in enumerate(parts):
        fold_of_group[index[known][held_out]] = number
    folds = fold_of_group[index]
    for number in range(num_folds):
        rest, held_out = known & (folds != number), known & (folds == number)
        if len(set(labels[rest])) < 2 or not held_out.any():
            return None
    return folds
