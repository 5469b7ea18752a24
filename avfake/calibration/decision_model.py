"""The models of all outputs together: p_fake never below its parts, one decision, one folder."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from avfake import config as settings
from avfake.calibration.decision_rule import DecisionRule
from avfake.calibration.features import FEATURES
from avfake.calibration.out_of_fold import OutOfFold
from avfake.calibration.output_model import (
    OutputModel,
    fit_output,
    map_nested,
    why_untrainable,
)
from avfake.calibration.stacker import LogitParts, StackConfig, Stacker
from avfake.errors import BundleError, ConfigError, Reason
from avfake.labels import MODALITIES, OUTPUTS, PARTS, Modality, Output, Part

_CALIBRATION = "calibration.json"


@dataclass(frozen=True)
class DecisionModel:
    """Turns rows of statistics into calibrated probabilities and a decision."""

    outputs: Mapping[Output, OutputModel]
    not_trained: Mapping[Output, str]
    """Output -> why its labels could not train it."""
    rules: Mapping[str, Mapping[Modality, DecisionRule]]
    """"kept" and "fused", with and without the stacker -> for each modality, how p_fake becomes a
    decision; empty where "overall" is not trained."""
    part_rules: Mapping[Part, DecisionRule] = field(default_factory=dict)
    """How the probability of a part becomes a decision on that part, for the parts trained."""

    def assess(self, row: np.ndarray, *, use_stacker: bool = True) -> dict[str, float | None]:
        """Return output -> probability for one row [F]; None where it could not be assessed.

        use_stacker False: the calibrated fusion head.
        """
        answers = self.assess_rows(row[None], use_stacker=use_stacker)
        return {name: None if np.isnan(p[0]) else float(p[0]) for name, p in answers.items()}

    def assess_rows(self, rows: np.ndarray, *, use_stacker: bool = True) -> dict[str, np.ndarray]:
        """Return output -> float64 [N] for rows [N, F]; NaN where it could not be assessed."""
        answers = {
            output: model.predict(rows, use_stacker=use_stacker)
            for output, model in self.outputs.items()
        }
        return _gather(answers, len(rows))

    def contributions(self, row: np.ndarray, *, use_stacker: bool = True) -> dict[str, LogitParts]:
        """Return output -> the parts of its logit, for one row [F] and outputs that have one.

        "overall" is that before it was raised to its parts.
        """
        return {
            output: parts
            for output, model in self.outputs.items()
            if (parts := model.contributions(row, use_stacker=use_stacker)) is not None
        }

    def rule(
        self, *, use_stacker: bool = True, modality: Modality = "whole"
    ) -> DecisionRule | None:
        """Return how p_fake becomes a decision; None where "overall" is not trained."""
        return self.rules.get("kept" if use_stacker else "fused", {}).get(modality)

    @property
    def prior(self) -> float | None:
        """Share of fakes that "overall" was calibrated on; None where it is not trained."""
        return self.outputs["overall"].prior.fakes if "overall" in self.outputs else None

    def shifts(self, prior: float) -> dict[str, float]:
        """Return output -> the change of its logits where the share `prior` of files is fake.

        prior: above 0 and below 1. ConfigError where nothing follows from it for an output.
        """
        lacking = [output for output, model in self.outputs.items() if not model.prior.of_fakes]
        if lacking:
            raise ConfigError(
                f"this detector does not support a prior: of {', '.join(lacking)} it is not known "
                "how frequent fakes were where it was calibrated; train it again, or ask without a "
                "prior"
            )
        return {output: model.prior.shift(prior) for output, model in self.outputs.items()}

    def _try_out(self) -> None:
        """Ask for every answer once, which raises where a part is not what it must be."""
        rows, logits = np.full((1, len(FEATURES)), 0.5), np.zeros(1)
        for use_stacker in (True, False):
            self.assess_rows(rows, use_stacker=use_stacker)
            self.contributions(rows[0], use_stacker=use_stacker)
        for model in self.outputs.values():
            map_nested(lambda calibrator: calibrator(logits), model.calibrators)
            if model.prior.of_fakes:
                model.prior.shift(0.5)
        map_nested(lambda rule: rule.decide(0.5), self.rules)
        for rule in self.part_rules.values():
            rule.decide(0.5)
        if not all(isinstance(why, str) for why in self.not_trained.values()):
            raise TypeError("not_trained must name reasons")

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """One reason for each output that was not trained."""
        return tuple(
            Reason("file" if output == "overall" else output, "not_trained", why)
            for output, why in self.not_trained.items()
        )

    def save(self, folder: Path) -> None:
        """Write calibration.json, and stacker_{output}.txt for each stacker that was kept."""
        folder.mkdir(parents=True, exist_ok=True)
        outputs = {output: model.to_dict() for output, model in self.outputs.items()}
        for output in OUTPUTS:
            stacker = self.outputs[output].stacker if output in self.outputs else None
            if stacker:
                text = stacker.to_text().encode()
                _stacker_path(folder, output).write_bytes(text)
                outputs[output]["stacker_sha256"] = sha256(text).hexdigest()
            else:
                _stacker_path(folder, output).unlink(missing_ok=True)
        fields = {
            "features": list(FEATURES),
            "outputs": outputs,
            "not_trained": dict(self.not_trained),
            "rules": map_nested(settings.to_dict, self.rules),
            "part_rules": {part: settings.to_dict(rule) for part, rule in self.part_rules.items()},
        }
        (folder / _CALIBRATION).write_text(json.dumps(fields, indent=1, allow_nan=False))

    @classmethod
    def load(cls, folder: Path) -> "DecisionModel":
        """Read the model that `save` wrote; BundleError for anything else."""
        try:
            fields = json.loads((folder / _CALIBRATION).read_text())
            if fields["features"] != list(FEATURES):
                raise BundleError(f"{folder}: the stack rows have changed since it was trained")
            outputs: dict[Any, OutputModel] = {
                output: OutputModel.from_dict(output, one, _read_stacker(folder, output, one))
                for output, one in fields["outputs"].items()
            }
            rules = map_nested(partial(settings.from_dict, DecisionRule), fields["rules"])
            of_parts: dict[Any, DecisionRule] = {
                part: settings.from_dict(DecisionRule, rule)
                for part, rule in fields.get("part_rules", {}).items()
            }
            model = cls(outputs, fields["not_trained"], rules, of_parts)
            model._try_out()
            return model
        except (OSError, *settings.WRONG, RecursionError, ConfigError) as error:
            raise BundleError(f"{folder}: cannot be read as a decision model: {error}") from error


def raise_overall(answers: Mapping[Any, np.ndarray]) -> dict[str, np.ndarray]:
    """Return the answers with "overall" at least as high as its parts; NaN parts do not count."""
    parts = np.fmax(answers["face"], answers["voice"])
    overall = answers["overall"]
    return {**answers, "overall": np.where(np.isnan(overall), np.nan, np.fmax(overall, parts))}


@dataclass(frozen=True)
class DecisionFit:
    """A model, and answers for its rows by models that did not see their groups."""

    model: DecisionModel
    kept: Mapping[str, np.ndarray]
    """Output -> float64 [N] with the stacker where it was kept; NaN where not assessed."""
    fused: Mapping[str, np.ndarray]
    """Output -> float64 [N] of the calibrated fusion head alone."""

    @classmethod
    # Matrices are small: further threads of BLAS would only wait, and take cores from other work.
    @threadpool_limits.wrap(limits=1, user_api="blas")
    def fit(
        cls,
        scored: OutOfFold,
        config: StackConfig | None = None,
        *,
        use_stacker: bool = True,
        held_back: OutOfFold | None = None,
    ) -> "DecisionFit":
        """Fit all outputs; one whose labels have one class or none is left out, with the reason.

        Args:
            use_stacker: False = no stacker is tried, the calibrated fusion head answers
            held_back: rows scored by the average of the models of `scored`, of clips that none of
                them learned from; None = the average is taken to be as sure as one model
        """
        config = config or StackConfig()
        not_trained = {name: why for name in OUTPUTS if (why := why_untrainable(scored, name))}
        fits = {
            output: fit_output(scored, output, config=config, use_stacker=use_stacker)
            for output in OUTPUTS
            if output not in not_trained
        }
        kept_of = {name: fit.kept for name, fit in fits.items()}
        fused_of = {name: fit.fused for name, fit in fits.items()}
        models = {output: fit.model for output, fit in fits.items()}
        if held_back is not None:
            num_models = len(scored.trained_on)
            models = {name: one.with_average(held_back, num_models) for name, one in models.items()}
        # What is decided on is the average: rules are fitted to what single answers would be there.
        surer = {
            "kept": _of_average(models, kept_of, scored, use_stacker=True),
            "fused": _of_average(models, fused_of, scored, use_stacker=False),
        }
        rules = {}
        if "overall" in fits:
            rules = {by: _fit_rules(p["overall"], scored, config) for by, p in surer.items()}
        parts = [part for part in PARTS if part in fits]
        of_parts = {part: _fit_part(surer["kept"], scored, part, config) for part in parts}
        kept, fused = (_gather(answers, len(scored)) for answers in (kept_of, fused_of))
        return cls(DecisionModel(models, not_trained, rules, of_parts), kept, fused)


def _of_average(
    models: Mapping[Output, OutputModel],
    answers: Mapping[Output, np.ndarray],
    scored: OutOfFold,
    *,
    use_stacker: bool,
) -> dict[str, np.ndarray]:
    """Return output -> float64 [N] for the average of models, for answers of single ones."""
    modalities = scored.modalities
    moved = {
        name: models[name].of_average(answers[name], modalities, use_stacker=use_stacker)
        for name in answers
    }
    return _gather(moved, len(scored))


def _fit_rules(
    p_fake: np.ndarray, scored: OutOfFold, config: StackConfig
) -> dict[Modality, DecisionRule]:
    """Fit one rule for each modality; one without clips gets a rule that is always unsure."""
    rules = {}
    for modality in MODALITIES:
        rows = scored.one_a_clip(scored.modalities == modality)
        labels, groups = scored.labels["overall"][rows], np.asarray(scored.groups)[rows].tolist()
        rules[modality] = DecisionRule.fit(p_fake[rows], labels, groups, config)
    return rules


def _fit_part(
    answers: Mapping[str, np.ndarray], scored: OutOfFold, part: Part, config: StackConfig
) -> DecisionRule:
    """Fit the rule of a part to one row of each clip, that in which nothing was left out."""
    rows = scored.one_a_clip()
    labels, groups = scored.labels[part][rows], np.asarray(scored.groups)[rows].tolist()
    return DecisionRule.fit(answers[part][rows], labels, groups, config)


def _gather(answers: Mapping[Any, np.ndarray], num_rows: int) -> dict[str, np.ndarray]:
    nothing = np.full(num_rows, np.nan)
    return raise_overall({output: answers.get(output, nothing) for output in OUTPUTS})


def _stacker_path(folder: Path, output: str) -> Path:
    return folder / f"stacker_{output}.txt"


def _read_stacker(folder: Path, output: str, fields: dict[str, Any]) -> Stacker | None:
    if fields["choice"]["kept"] != "stacker":
        return None
    text = _stacker_path(folder, output).read_bytes()
    if sha256(text).hexdigest() != fields["stacker_sha256"]:
        raise BundleError(f"{_stacker_path(folder, output)}: altered since it was saved")
    return Stacker.from_text(text.decode())
