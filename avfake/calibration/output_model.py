"""The model of one output: its stacker or baseline, and a calibrator for each modality.

A genuine clip scores differently where a part is missing, and of a whole clip either part may be
forged: so clips of which only the picture, or only the sound, was assessed are calibrated apart.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import Any

import numpy as np

from avfake.calibration.calibrators import Calibrator, cross_fit, fit_calibrator, fit_slope, shifted
from avfake.calibration.curves import fit_platt
from avfake.calibration.features import RULE_COLUMNS, columns_of, modalities_of
from avfake.calibration.out_of_fold import OutOfFold
from avfake.calibration.probabilities import TrainedPrior, row_losses, to_logits
from avfake.calibration.stacker import (
    Choice,
    LogitParts,
    StackConfig,
    Stacker,
    choose,
    fit_stacker,
)
from avfake.labels import MODALITIES, Modality

_CANDIDATES = ("fused", "mean", "confident", "weighted")
"""Baselines that the stacker must beat."""


def baseline_logits(rows: np.ndarray, output: str) -> dict[str, np.ndarray]:
    """Return baseline -> logits, float64 [N], NaN where it has none; overall = the worse part."""
    logits = {"fused": columns_of(rows, (f"{output}_fused",))[:, 0].astype(np.float64)}
    for rule in RULE_COLUMNS:
        scores = columns_of(rows, _columns_read(output, rule))
        logits[rule] = to_logits(np.fmax.reduce(scores, axis=1))
    return logits


def baseline_parts(row: np.ndarray, output: str, name: str) -> LogitParts | None:
    """Return the parts of a baseline's logit for one row [F]; None where it has none."""
    columns = _columns_read(output, name)
    values = columns_of(row[None], columns)[0]
    if np.isnan(values).all():
        return None
    logit = float(baseline_logits(row[None], output)[name][0])
    highest = columns[int(np.nanargmax(values))]
    return LogitParts(name, 0.0, {one: logit if one == highest else 0.0 for one in columns})


def _columns_read(output: str, name: str) -> tuple[str, ...]:
    if name == "fused":
        return (f"{output}_fused",)
    parts = ("face", "voice") if output == "overall" else (output,)
    return tuple(f"{part}_{RULE_COLUMNS[name]}" for part in parts)


def assessable(rows: np.ndarray, output: str) -> np.ndarray:
    """Return bool [N]: whether there are branch scores for this output."""
    return ~np.isnan(baseline_logits(rows, output)["mean"])


@dataclass(frozen=True)
class OutputModel:
    """Rows in, calibrated probabilities of one output out."""

    output: str
    choice: Choice
    calibrators: Mapping[str, Mapping[Modality, Calibrator]]
    """For what was kept, and for "fused" where the fusion head answers. A modality without a
    labelled row has no calibrator; that of whole clips serves for it."""
    prior: TrainedPrior
    """Over all modalities."""
    stacker: Stacker | None = None
    """Only where it was kept."""

    def predict(
        self, rows: np.ndarray, *, use_stacker: bool = True, modality: Modality | None = None
    ) -> np.ndarray:
        """Return float64 [N] for rows [N, F]; NaN where it could not be assessed.

        Args:
            use_stacker: False = the calibrated fusion head, whatever was kept
            modality: for which it is calibrated; None = that of each row
        """
        name = self.choice.kept if use_stacker else "fused"
        if name not in self.calibrators:
            return np.full(len(rows), np.nan)
        logits = (
            self.stacker.logits(rows)
            if name == "stacker" and self.stacker
            else baseline_logits(rows, self.output)[name]
        )
        probabilities = np.full(len(rows), np.nan)
        modalities, calibrators = modalities_of(rows), self.calibrators[name]
        for one in MODALITIES:
            here = (modalities == one) if modality is None else np.full(len(rows), one == modality)
            calibrator = calibrators.get(one, calibrators["whole"])
            probabilities[here] = calibrator(logits[here])
        return np.where(assessable(rows, self.output), probabilities, np.nan)

    def of_average(
        self, probabilities: np.ndarray, modalities: np.ndarray, *, use_stacker: bool = True
    ) -> np.ndarray:
        """Return float64 [N] for the average of models, for answers [N] of single ones.

        modalities: str [N] of `MODALITIES`
        """
        calibrators = self.calibrators.get(self.choice.kept if use_stacker else "fused", {})
        moved = np.array(probabilities, np.float64)
        for one in MODALITIES if calibrators else ():
            here = modalities == one
            moved[here] = calibrators.get(one, calibrators["whole"]).of_average(moved[here])
        return moved

    def with_average(self, held_back: OutOfFold, num_models: int) -> "OutputModel":
        """Return the same with slopes for the average of models; unchanged without both classes.

        held_back: rows scored by the average, of clips that none of its models learned from
        """
        if why_untrainable(held_back, self.output) is not None:
            return self
        labels = held_back.labels[self.output]
        known = assessable(held_back.rows, self.output) & ~np.isnan(labels)

        def losses(name: str, slope: float) -> np.ndarray:
            # Held-back clips have the share of fakes of the rows, not that of `StackConfig.prior`.
            tried = self._with(name, slope, shift=0.0)
            by_stacker = name == self.choice.kept
            answers = tried.predict(held_back.rows[known], use_stacker=by_stacker)
            return row_losses(answers, labels[known])

        found = self
        for name in self.calibrators:
            found = found._with(name, fit_slope(partial(losses, name), num_models))
        return found

    def _with(self, name: str, slope: float, *, shift: float | None = None) -> "OutputModel":
        """Return the same with a slope, and a shift, of the calibrators that have this name."""
        changed = {
            one: replace(old, slope=slope, shift=old.shift if shift is None else shift)
            for one, old in self.calibrators[name].items()
        }
        return replace(self, calibrators={**self.calibrators, name: changed})

    def contributions(self, row: np.ndarray, *, use_stacker: bool = True) -> LogitParts | None:
        """Return the parts of the logit of `predict` for one row [F]; None where there is none."""
        name = self.choice.kept if use_stacker else "fused"
        if name not in self.calibrators or not assessable(row[None], self.output)[0]:
            return None
        if name == "stacker" and self.stacker:
            return self.stacker.contributions(row)
        return baseline_parts(row, self.output, name)

    def to_dict(self) -> dict[str, Any]:
        """Return all but the stacker for JSON; `from_dict` reads it."""
        return {
            "choice": asdict(self.choice),
            "calibrators": map_nested(Calibrator.to_dict, self.calibrators),
            "prior": asdict(self.prior),
        }

    @classmethod
    def from_dict(
        cls, output: str, fields: dict[str, Any], stacker: Stacker | None
    ) -> "OutputModel":
        """Read the model that `to_dict` wrote."""
        calibrators = map_nested(Calibrator.from_dict, fields["calibrators"])
        prior = TrainedPrior(**fields["prior"])
        return cls(output, Choice(**fields["choice"]), calibrators, prior, stacker)


@dataclass(frozen=True)
class OutputFit:
    """A model, and probabilities of its rows by models that did not see their groups."""

    model: OutputModel
    kept: np.ndarray
    """float64 [N], NaN where not assessable."""
    fused: np.ndarray


def why_untrainable(scored: OutOfFold, output: str) -> str | None:
    """Return the reason in words, or None where both classes are there."""
    labels = scored.labels.get(output, np.zeros(0))
    if np.all(np.isnan(labels)):
        return "no clip has a label for it"
    labels = labels[assessable(scored.rows, output)]
    if np.all(np.isnan(labels)):
        return "no labelled clip could be assessed"
    if len(set(labels[~np.isnan(labels)])) < 2:
        return f"all labelled clips are {'fake' if 1 in labels else 'genuine'}"
    return None


def fit_output(
    scored: OutOfFold, output: str, *, config: StackConfig, use_stacker: bool = True
) -> OutputFit:
    """Fit the stacker, if it beats the best baseline, or that baseline; calibrated out of fold.

    use_stacker False: the fusion head, calibrated. A fixed `StackConfig.rule` comes before both.
    """
    is_fixed = config.rule != "auto"
    can_assess = assessable(scored.rows, output)
    labels = np.where(can_assess, scored.labels[output], np.nan)
    known = ~np.isnan(labels)
    folds = scored.folds(labels, num_folds=config.num_folds, seed=config.seed)

    names = (config.rule, "fused") if is_fixed else _CANDIDATES if use_stacker else ("fused",)
    logits = {
        name: values
        for name, values in baseline_logits(scored.rows, output).items()
        if not np.isnan(values[known]).any() and name in names
    }
    stacker = None
    if folds is not None and use_stacker and not is_fixed:
        masked = replace(scored, labels={output: labels})
        stacker, logits["stacker"] = fit_stacker(masked, output, folds, config=config)
    probabilities = {
        name: cross_fit(fit_platt, values, labels, folds) for name, values in logits.items()
    }
    choice = choose(
        {name: p[known] for name, p in probabilities.items()},
        labels=labels[known],
        groups=np.asarray(scored.groups)[known].tolist(),
        confidence=config.choice_confidence,
        seed=config.seed,
    )
    if is_fixed:
        choice = replace(choice, kept=config.rule, reason="fixed by the settings (stack.rule)")
    calibrators: dict[str, Mapping[Modality, Calibrator]] = {}
    for name in dict.fromkeys([choice.kept, "fused"]):
        if name in logits:
            calibrators[name], probabilities[name] = calibrate_modalities(
                logits[name], labels, scored, config
            )
    kept = stacker if choice.kept == "stacker" else None
    prior = TrainedPrior.measure(labels, scored.labels.get("overall"))
    if config.prior is not None:
        prior = TrainedPrior(config.prior, 1.0)
    model = OutputModel(output, choice, calibrators, prior, kept)
    return OutputFit(
        model,
        np.where(can_assess, probabilities[choice.kept], np.nan),
        np.where(can_assess, probabilities.get("fused", np.nan), np.nan),
    )


def calibrate_modalities(
    logits: np.ndarray, labels: np.ndarray, scored: OutOfFold, config: StackConfig
) -> tuple[dict[Modality, Calibrator], np.ndarray]:
    """Return the calibrator of each modality, and out-of-fold probabilities of rows [N].

    A modality with too few groups to hold any out has the calibrator of all rows, and one without
    a labelled row has none, except "whole".

    Args:
        logits: [N], NaN where unknown
        labels: [N] 1, 0 or NaN, of the output that is calibrated
    """
    folds_of = partial(scored.folds, num_folds=config.num_folds, seed=config.seed)
    modalities = scored.modalities
    of_all, probabilities = fit_calibrator(logits, labels, scored.groups, folds_of(labels))
    labelled = [one for one in MODALITIES if not np.isnan(labels[modalities == one]).all()]
    found: dict[Modality, Calibrator] = dict.fromkeys(["whole", *labelled], of_all)
    for modality in labelled:
        own = np.where(modalities == modality, labels, np.nan)
        folds = folds_of(own)
        if folds is not None:
            found[modality], answers = fit_calibrator(logits, own, scored.groups, folds)
            probabilities = np.where(modalities == modality, answers, probabilities)
    if config.prior is None:
        return found, probabilities
    for modality, calibrator in found.items():
        here = labels[modalities == modality] if modality in labelled else labels
        by = float(to_logits(config.prior) - to_logits(np.nanmean(here)))
        found[modality] = replace(calibrator, shift=by)
        probabilities = np.where(modalities == modality, shifted(probabilities, by), probabilities)
    return found, probabilities


def map_nested(function: Callable[[Any], Any], nested: Mapping[str, Any]) -> dict[str, Any]:
    """Apply a function to the values of a mapping of mappings."""
    return {
        name: {key: function(one) for key, one in found.items()} for name, found in nested.items()
    }
