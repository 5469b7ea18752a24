"""The LightGBM stacker, small trees over out-of-fold rows, and whether it is kept.

It must beat the best simple baseline significantly. Learned fusion has lost to a plain mean before
(DFDC's fifth place measured it), so a gain that may be luck does not count.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from avfake.calibration.features import (
    FEATURES,
    MONOTONE,
    OUTPUT_FEATURES,
    RULE_COLUMNS,
    columns_of,
)
from avfake.calibration.out_of_fold import OutOfFold
from avfake.calibration.probabilities import row_losses
from avfake.errors import BundleError, ConfigError, check_choice, check_ranges

if TYPE_CHECKING:
    from lightgbm import Booster


PASSED_ON = ("num_leaves", "learning_rate", "lambda_l2", "feature_fraction", "seed")
"""Settings that go to LightGBM under their own names."""


@dataclass(frozen=True)
class StackConfig:
    """Training of the stackers: small trees, slow steps, since clips are few and scores strong."""

    rule: str = "auto"
    """auto = the stacker, or the baseline it could not beat; or one of `RULE_COLUMNS`, which then
    combines frames and windows and is calibrated: no stacker is tried."""
    num_leaves: int = 5
    min_data_in_leaf: int = 20
    """Upper limit: small sets use a twelfth of their rows."""
    learning_rate: float = 0.05
    max_rounds: int = 300
    lambda_l2: float = 5.0
    feature_fraction: float = 0.5
    num_folds: int = 5
    seed: int = 0
    use_monotone: bool = True
    """A higher branch score never lowers the probability."""
    choice_confidence: float = 0.99
    """One-sided confidence with which the stacker must beat the best baseline."""
    false_alarm_rate: float = 0.05
    """Share of genuine clips, of new groups, that may be called fake."""
    missed_rate: float | None = None
    """Share of fakes, of new groups, that may be called real; None = as the conformal set has it,
    1 - confidence."""
    confidence: float = 0.9
    """Coverage of the conformal set."""
    prior: float | None = None
    """Share of fakes, of files of each modality, that probabilities assume; None = that of the
    clips they are calibrated on."""

    def __post_init__(self) -> None:
        check_choice("stack.rule", self.rule, ("auto", *RULE_COLUMNS))
        check_ranges(
            self,
            "stack",
            num_leaves="[2, inf)",
            max_rounds="[1, inf)",
            num_folds="[2, inf)",
            choice_confidence="(0, 1)",
            false_alarm_rate="(0, 1)",
            confidence="(0, 1)",
        )
        for name in ("prior", "missed_rate"):
            if (value := getattr(self, name)) is not None and not 0 < value < 1:
                raise ConfigError(f"stack.{name} must be None or in (0, 1), got {value}")


@dataclass(frozen=True)
class LogitParts:
    """The logit before calibration as a sum: base + sum of parts."""

    by: str
    """"stacker", or the baseline that was kept in its place."""
    base: float
    """The mean over the training rows for a stacker; 0 for a baseline."""
    parts: Mapping[str, float]
    """Column -> what it adds: for a stacker its SHAP value (Lundberg 2018), for a baseline its
    logit for the score that counted and 0 for the other that it read."""

    def strongest(self, num: int) -> dict[str, float]:
        """Return the `num` parts of largest magnitude, largest first."""
        ordered = sorted(self.parts, key=lambda name: -abs(self.parts[name]))
        return {name: self.parts[name] for name in ordered[:num]}


class Stacker:
    """A trained booster that takes its own columns from full rows [N, F]."""

    def __init__(self, booster: "Booster") -> None:
        self._booster = booster
        self.columns = tuple(booster.feature_name())
        if unknown := set(self.columns) - set(FEATURES):
            raise BundleError(f"the stacker was made for other columns: {sorted(unknown)}")

    def logits(self, rows: np.ndarray) -> np.ndarray:
        """Return float64 [N] for rows [N, F]."""
        return self._predict(rows, raw_score=True)

    def contributions(self, row: np.ndarray) -> LogitParts:
        """Return what each column adds to the logit of one row [F]; unused columns add 0."""
        *values, base = self._predict(row[None], pred_contrib=True)[0].tolist()
        return LogitParts("stacker", base, dict(zip(self.columns, values, strict=True)))

    def to_text(self) -> str:
        """Return the booster in LightGBM's own text format."""
        return str(self._booster.model_to_string())

    @classmethod
    def from_text(cls, text: str) -> "Stacker":
        """Read the stacker that `to_text` wrote."""
        import lightgbm

        # LightGBM's reader takes the whole process down on most texts that were cut short.
        if not (text.startswith("tree\n") and "\nend of parameters\n" in text):
            raise BundleError("the stacker's text is incomplete")
        try:
            return cls(lightgbm.Booster(model_str=text))
        except (lightgbm.basic.LightGBMError, ValueError) as error:
            raise BundleError(f"the stacker's text cannot be read: {error}") from error

    def _predict(self, rows: np.ndarray, **options: Any) -> np.ndarray:
        inputs = columns_of(rows, self.columns)
        return np.asarray(self._booster.predict(inputs, num_threads=1, **options))


def fit_stacker(
    scored: OutOfFold, output: str, folds: np.ndarray, *, config: StackConfig
) -> tuple[Stacker, np.ndarray]:
    """Return the stacker of one output, and logits [N] by stackers that did not see the groups.

    folds: int [N] from `group_folds`; rows without a label get a logit, too
    """
    columns, labels = OUTPUT_FEATURES[output], scored.labels[output]
    inputs = columns_of(scored.rows, columns)
    known = ~np.isnan(labels)
    members, curves, weights = [], [], []
    for number in np.unique(folds):
        rest, held_out = known & (folds != number), known & (folds == number)
        unseen = inputs[held_out], labels[held_out]
        member, curve = _train((inputs[rest], labels[rest]), columns, config, held_out=unseen)
        members.append(member)
        # Training stops early where nothing is left to split; the loss stays from there on.
        curves.append(curve + curve[-1:] * (config.max_rounds - len(curve)))
        weights.append(held_out.sum())
    # One number for all folds, so that the choice sees little of any single row.
    num_rounds = int(np.argmin(np.average(curves, axis=0, weights=weights))) + 1
    logits = np.full(len(labels), np.nan)
    for number, member in zip(np.unique(folds), members, strict=True):
        logits[folds == number] = member.predict(
            inputs[folds == number], raw_score=True, num_iteration=num_rounds, num_threads=1
        )
    final, _ = _train(
        (inputs[known], labels[known]), columns, replace(config, max_rounds=num_rounds)
    )
    return Stacker(final), logits


def _train(
    examples: tuple[np.ndarray, np.ndarray],
    columns: tuple[str, ...],
    config: StackConfig,
    *,
    held_out: tuple[np.ndarray, np.ndarray] | None = None,
) -> tuple["Booster", list[float]]:
    """Train a booster; return it with its log-loss on held-out rows after each round."""
    import lightgbm

    inputs, labels = examples
    options = {
        "objective": "binary",
        "min_data_in_leaf": min(config.min_data_in_leaf, max(2, len(labels) // 12)),
        "verbosity": -1,
        # The same rows give the same trees, on any machine with any number of cores.
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 1,
        **{name: getattr(config, name) for name in PASSED_ON},
    }
    if config.use_monotone:
        options["monotone_constraints"] = [MONOTONE.get(name, 0) for name in columns]
    table = lightgbm.Dataset(inputs, labels, feature_name=list(columns), params=options)
    losses: dict[str, dict[str, list[float]]] = {}
    booster = lightgbm.train(
        options,
        table,
        num_boost_round=config.max_rounds,
        valid_sets=[table.create_valid(*held_out)] if held_out else None,
        valid_names=["held_out"] if held_out else None,
        callbacks=[lightgbm.record_evaluation(losses)],
    )
    return booster, losses["held_out"]["binary_logloss"] if held_out else []


@dataclass(frozen=True)
class Choice:
    """What was kept, against what, and why."""

    kept: str
    """Name of the candidate, e.g. "stacker", "fused", "mean"."""
    reason: str
    log_losses: Mapping[str, float]
    """Candidate -> out-of-fold log-loss."""


def choose(
    probabilities: Mapping[str, np.ndarray],
    *,
    labels: np.ndarray,
    groups: Sequence[str],
    confidence: float = 0.99,
    seed: int = 0,
) -> Choice:
    """Choose the best baseline, or "stacker" where its gain over that baseline is significant.

    probabilities: name -> out of fold, [N]; the first baseline wins a tie. labels: [N] 1 or 0.
    """
    losses = {name: row_losses(p, labels) for name, p in probabilities.items()}
    means = {name: float(values.mean()) for name, values in losses.items()}
    best = min((name for name in means if name != "stacker"), key=means.__getitem__)
    if "stacker" not in losses:
        return Choice(best, "no stacker was trained: switched off, or too few groups", means)
    gains = losses[best] - losses["stacker"]
    low = gain_bound(gains, groups, confidence=confidence, seed=seed)
    reason = (
        f"the stacker's out-of-fold log-loss is {means['stacker']:.4f}, that of the best "
        f"baseline ({best}) {means[best]:.4f}; the gain is {gains.mean():.4f}, "
        f"{'at least' if low > 0 else 'but possibly only'} {low:.4f} at {100 * confidence:g} %"
    )
    return Choice("stacker" if low > 0 else best, reason, means)


def gain_bound(gains: np.ndarray, groups: Sequence[str], *, confidence: float, seed: int) -> float:
    """Return the lower one-sided bound of the mean gain, by resampling whole groups."""
    _, index = np.unique(np.asarray(groups, str), return_inverse=True)
    sums, sizes = np.bincount(index, gains), np.bincount(index)
    rng = np.random.default_rng(seed)
    means = []
    for _ in range(2000):
        draw = rng.integers(len(sums), size=len(sums))
        means.append(sums[draw].sum() / sizes[draw].sum())
    return float(np.quantile(means, 1 - confidence))
