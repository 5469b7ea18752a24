"""Shortcut probes: whether a small model tells fake from genuine by facts about the files alone.

One LightGBM for each group of facts, and one for all of them, each scoring clips of groups that it
has not seen. A dataset on which they succeed teaches a detector the same shortcut.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from avfake.audit.facts import ALL_FACTS, NAMED, PROBES, FileFacts
from avfake.evaluation import METRICS, Interval, bootstrap

ALL = "all together"
NUM_FOLDS = 5
NUM_ROUNDS = 80
UNKNOWN = Interval(float("nan"), float("nan"), float("nan"))


@dataclass(frozen=True)
class ProbeConfig:
    """How the probes are trained and assessed."""

    limit: float = 0.6
    """A probe fails when even the lower end of its interval is above."""
    num_resamples: int = 1000
    seed: int = 0


@dataclass(frozen=True)
class Probe:
    """How well one group of facts tells fake from genuine."""

    name: str
    auc: Interval
    """AUC of the clips scored by models that had not seen their group; NaN where there is none."""
    num_clips: int
    limit: float
    note: str = ""
    """Why there is no value, or the facts of fake and of genuine clips."""

    @property
    def certain(self) -> float:
        """Lower end of the interval of max(AUC, 1 - AUC): an AUC of 0.2 tells as much as 0.8."""
        if np.isnan(self.auc.value):
            return 0.5
        return max(0.5, self.auc.low, 1 - self.auc.high)

    @property
    def is_shortcut(self) -> bool:
        return self.certain > self.limit

    def __str__(self) -> str:
        return f"{self.name} tells fake from genuine: AUC {self.auc}, above {self.limit:g}" + (
            f"; {self.note}" if self.note else ""
        )


def run_probes(
    facts: Sequence[FileFacts],
    labels: np.ndarray,
    groups: Sequence[str],
    config: ProbeConfig | None = None,
) -> list[Probe]:
    """Return one probe for each group of facts that varies, and one for all facts.

    labels: [N] of 1 and 0; groups: [N], clips that are never separated.
    """
    config = config or ProbeConfig()
    columns = {name: _column(facts, name) for name in ALL_FACTS}
    varying = {name for name, column in columns.items() if len(np.unique(column)) > 1}
    has_folds = _folds(labels, groups, config.seed) is not None
    probes = []
    for name, members in {**PROBES, ALL: ALL_FACTS}.items():
        used = [member for member in members if member in varying]
        interval = UNKNOWN
        if not has_folds:
            note = "too few groups of each class"
        elif not used:
            known = any(not np.isnan(columns[member]).all() for member in members)
            note = "the same for all" if known else "not known"
        else:
            table = np.stack([columns[member] for member in used], axis=1)
            named = [index for index, member in enumerate(used) if member in NAMED]
            interval = probe_table(table, labels, groups, config, named=named)
            # The first fact of a probe is the one it is named after.
            note = "" if name == ALL else _both_sides(facts, labels, used[0])
        probes.append(Probe(name, interval, len(labels), config.limit, note))
    return probes


def probe_table(
    table: np.ndarray,
    labels: np.ndarray,
    groups: Sequence[str],
    config: ProbeConfig,
    *,
    named: Sequence[int] = (),
) -> Interval:
    """Return the AUC of a LightGBM on groups it has not seen; NaN where there are too few.

    table: float64 [N, F], NaN = not known; named: the columns that hold names, as numbers.
    """
    folds = _folds(labels, groups, config.seed)
    if folds is None:
        return UNKNOWN
    scores = _scores(table, labels, folds, named=list(named), seed=config.seed)
    auc, draws, seed = METRICS["auc"], config.num_resamples, config.seed
    return bootstrap(auc, scores, labels, groups, num_resamples=draws, seed=seed)


def _column(facts: Sequence[FileFacts], name: str) -> np.ndarray:
    """Return a fact as float64 [N]: NaN for None, names by their alphabetical order."""
    values = [getattr(one, name) for one in facts]
    if name in NAMED:
        numbers = {v: n for n, v in enumerate(sorted({v for v in values if v}))}
        values = [numbers.get(value) for value in values]
    return np.array([np.nan if value is None else float(value) for value in values])


def _folds(
    labels: np.ndarray, groups: Sequence[str], seed: int
) -> list[tuple[np.ndarray, np.ndarray]] | None:
    """Return (rest, held out) with whole groups and both classes in each rest; None if too few."""
    from sklearn.model_selection import StratifiedGroupKFold

    index = np.unique(np.asarray(groups, str), return_inverse=True)[1]
    num_folds = min(NUM_FOLDS, *(len(set(index[labels == label])) for label in (0, 1)))
    if num_folds < 2:
        return None
    splitter = StratifiedGroupKFold(num_folds, shuffle=True, random_state=seed)
    folds = list(splitter.split(labels[:, None], labels, index))
    return folds if all(len(set(labels[rest])) == 2 for rest, _ in folds) else None


def _scores(
    table: np.ndarray,
    labels: np.ndarray,
    folds: list[tuple[np.ndarray, np.ndarray]],
    *,
    named: list[int],
    seed: int,
) -> np.ndarray:
    """Return float64 [N]: the score of each clip by a model that never saw its group."""
    import lightgbm

    options = {
        "objective": "binary",
        "num_leaves": 7,
        "min_data_in_leaf": min(10, max(2, len(labels) // 12)),
        "min_data_per_group": 1,
        "seed": seed,
        "verbosity": -1,
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
    }
    scores = np.zeros(len(labels))
    for rest, held_out in folds:
        # Classes weigh the same: else each fold's model starts from the share of fakes it saw,
        # which is the lower the more of them are held out, and no facts at all score below 0.5.
        share = labels[rest].mean()
        weights = np.where(labels[rest] == 1, 0.5 / share, 0.5 / (1 - share))
        examples = lightgbm.Dataset(
            table[rest], labels[rest], weight=weights, categorical_feature=named, params=options
        )
        model = lightgbm.train(options, examples, NUM_ROUNDS)
        predicted = np.asarray(model.predict(table[held_out], raw_score=True, num_threads=1))
        scores[held_out] = predicted.round(6)  # so that equal scores of two folds are ties
    return scores


def _both_sides(facts: Sequence[FileFacts], labels: np.ndarray, name: str) -> str:
    """Describe a fact among fakes and among genuine clips, in words."""
    sides = []
    for label, word in ((1, "fake"), (0, "genuine")):
        values = [getattr(f, name) for f, one in zip(facts, labels, strict=True) if one == label]
        known = [value for value in values if value is not None]
        if not known:
            sides.append(f"{word} -")
        elif name in NAMED:
            most = max(sorted(set(known)), key=known.count)
            sides.append(f"{word} {most} ({known.count(most)} of {len(values)})")
        else:
            sides.append(f"{word} {float(np.median(known)):.4g}")
    return f"{name}: " + ", ".join(sides)
