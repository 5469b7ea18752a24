"""One of the three answers: its stacker or baseline, and the calibrators that go with them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from avfake.calibration.booster import StackConfig, Stacker, fit_stacker
from avfake.calibration.by_modality import calibrate_modalities
from avfake.calibration.calibrate import fit_calibrator
from avfake.calibration.calibrators import Calibrator, cross_fit_by, read_calibrator
from avfake.calibration.choose import Choice, choose
from avfake.calibration.contributions import LogitParts
from avfake.calibration.features import RULE_COLUMNS, columns_of
from avfake.calibration.folds import OutOfFold, group_folds
from avfake.calibration.logits import to_logits
from avfake.calibration.modalities import MODALITIES, modalities_of, modality_name
from avfake.calibration.prior import TrainedPrior

_CANDIDATES = ("fused", "mean", "confident", "weighted")
"""Baselines that the stacker must beat."""


def baseline_logits(rows: np.ndarray, output: str) -> dict[str, np.ndarray]:
    """Baseline -> float64 [N], NaN where it cannot answer; overall, the worse part counts."""
    logits = {"fused": columns_of(rows, (f"{output}_fused",))[:, 0].astype(np.float64)}
    for rule in RULE_COLUMNS:
        scores = columns_of(rows, _columns_read(output, rule))
        logits[rule] = to_logits(np.fmax.reduce(scores, axis=1))
    return logits


def baseline_parts(row: np.ndarray, output: str, name: str) -> LogitParts | None:
    """What a baseline's logit for one row [F] is made of; None where it cannot answer."""
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
    """bool [N]: there are branch scores for this output."""
    return ~np.isnan(baseline_logits(rows, output)["mean"])


@dataclass(frozen=True)
class OutputModel:
    """Rows in, calibrated probabilities of one output out."""

    output: str
    choice: Choice
    calibrators: Mapping[str, Calibrator]
    """For what was kept, and for "fused" where the fusion head answers; "fused:picture" and so on
    for clips of which that alone was assessed. Views without one have that of whole clips, as all
    have in bundles made before 2026-11-21."""
    stacker: Stacker | None = None
    """Only where it was kept."""
    prior: TrainedPrior | None = None
    """Over all views: there is one world, whatever of a file can be assessed. None in bundles made
    before it was saved (2026-11-21)."""

    def predict(self, rows: np.ndarray, *, use_stacker: bool = True) -> np.ndarray:
        """float64 [N] for rows [N, F]; NaN where it could not be assessed.

        use_stacker False: the calibrated fusion head, whatever was kept.
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
        views = modalities_of(rows)
        for view in MODALITIES:
            here = views == view
            calibrator = self.calibrators.get(modality_name(name, view), self.calibrators[name])
            probabilities[here] = calibrator(logits[here])
        return np.where(assessable(rows, self.output), probabilities, np.nan)

    def contributions(self, row: np.ndarray, *, use_stacker: bool = True) -> LogitParts | None:
        """What the logit of `predict` for one row [F] is made of; None where it has no answer."""
        name = self.choice.kept if use_stacker else "fused"
        if name not in self.calibrators or not assessable(row[None], self.output)[0]:
            return None
        if name == "stacker" and self.stacker:
            return self.stacker.contributions(row)
        return baseline_parts(row, self.output, name)

    def to_dict(self) -> dict[str, Any]:
        """All but the stacker, for JSON."""
        return {
            "choice": asdict(self.choice),
            "calibrators": {name: one.to_dict() for name, one in self.calibrators.items()},
            "prior": asdict(self.prior) if self.prior else None,
        }

    @classmethod
    def from_dict(
        cls, output: str, fields: dict[str, Any], stacker: Stacker | None
    ) -> "OutputModel":
        """The model that `to_dict` wrote."""
        calibrators = {n: read_calibrator(one) for n, one in fields["calibrators"].items()}
        prior = TrainedPrior(**fields["prior"]) if fields.get("prior") else None
        return cls(output, Choice(**fields["choice"]), calibrators, stacker, prior)


@dataclass(frozen=True)
class OutputFit:
    """A model with the probabilities its rows would have got had it not seen their groups."""

    model: OutputModel
    kept: np.ndarray
    """float64 [N], NaN where not assessable."""
    fused: np.ndarray


def why_untrainable(scored: OutOfFold, output: str) -> str | None:
    """The reason in words, or None where both classes are there."""
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
    """The stacker, if it earns its place, or the best baseline; calibrated out of fold.

    use_stacker False: the fusion head, calibrated. A fixed `StackConfig.rule` comes before both.
    """
    is_fixed = config.rule != "auto"
    can_assess = assessable(scored.rows, output)
    labels = np.where(can_assess, scored.labels[output], np.nan)
    known = ~np.isnan(labels)
    folds = group_folds(labels, scored.groups, num_folds=config.num_folds, seed=config.seed)

    names = (config.rule, "fused") if is_fixed else _CANDIDATES if use_stacker else ("fused",)
    logits = {
        name: values
        for name, values in baseline_logits(scored.rows, output).items()
        if not np.isnan(values[known]).any() and name in names
    }
    stacker = None
    if folds is not None and use_stacker and not is_fixed:
        masked = replace(scored, labels={output: labels})
        fit = fit_stacker(masked, output, folds, config=config)
        stacker, logits["stacker"] = fit.stacker, fit.logits
    probabilities = {
        name: cross_fit_by(fit_calibrator, values, labels, folds) for name, values in logits.items()
    }
    choice = choose(
        {name: p[known] for name, p in probabilities.items() if name != "stacker"},
        probabilities["stacker"][known] if stacker else None,
        labels=labels[known],
        groups=np.asarray(scored.groups)[known].tolist(),
        confidence=config.choice_confidence,
        seed=config.seed,
    )
    if is_fixed:
        choice = replace(choice, kept=config.rule, reason="the settings say so (stack.rule)")
    calibrators: dict[str, Calibrator] = {}
    for name in dict.fromkeys([choice.kept, "fused"]):
        if name in logits:
            found, probabilities[name] = calibrate_modalities(logits[name], labels, scored, config)
            calibrators |= {modality_name(name, view): one for view, one in found.items()}
    kept = stacker if choice.kept == "stacker" else None
    prior = TrainedPrior.measure(labels, scored.labels.get("overall"))
    model = OutputModel(output, choice, calibrators, kept, prior)
    nothing = np.full(len(labels), np.nan)
    return OutputFit(
        model,
        np.where(can_assess, probabilities[choice.kept], np.nan),
        np.where(can_assess, probabilities.get("fused", nothing), np.nan),
    )
