"""The three answers together: p_fake never below its parts, one decision, one folder."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal

import numpy as np

from avfake.calibration.booster import StackConfig, Stacker
from avfake.calibration.contributions import LogitParts
from avfake.calibration.decide import DecisionRule
from avfake.calibration.features import FEATURES, stack_row
from avfake.calibration.folds import OutOfFold
from avfake.calibration.modalities import MODALITIES, Modality, modalities_of, modality_name
from avfake.calibration.output import OutputModel, fit_output, why_untrainable
from avfake.calibration.prior import check_prior
from avfake.calibration.scores import ClipScores
from avfake.errors import BundleError, ConfigError, Reason
from avfake.labels import OUTPUTS, Output

_CALIBRATION = "calibration.json"


@dataclass(frozen=True)
class DecisionModel:
    """`ClipScores` in, calibrated probabilities and a decision out."""

    outputs: Mapping[Output, OutputModel]
    not_trained: Mapping[Output, str]
    """Output -> why its labels could not train it."""
    rules: Mapping[str, DecisionRule]
    """"kept" and "fused" -> how p_fake of a whole clip becomes a decision, with and without the
    stacker; "kept:picture" and so on where a part was not assessed. Bundles made before 2026-11-21
    have the rules of whole clips alone, and use them for all."""

    def assess(self, scores: ClipScores, *, use_stacker: bool = True) -> dict[str, float | None]:
        """Output -> probability of forgery; None where it could not be assessed.

        use_stacker False: the calibrated fusion head.
        """
        answers = self.assess_rows(stack_row(scores)[None], use_stacker=use_stacker)
        return {name: None if np.isnan(p[0]) else float(p[0]) for name, p in answers.items()}

    def assess_rows(self, rows: np.ndarray, *, use_stacker: bool = True) -> dict[str, np.ndarray]:
        """Output -> float64 [N] for rows [N, F]; NaN where it could not be assessed."""
        nothing = np.full(len(rows), np.nan)
        return raise_overall(
            {
                output: self.outputs[output].predict(rows, use_stacker=use_stacker)
                if output in self.outputs
                else nothing
                for output in OUTPUTS
            }
        )

    def contributions(
        self, scores: ClipScores, *, use_stacker: bool = True
    ) -> dict[str, LogitParts]:
        """Output -> what the logit behind its answer is made of; those without one are left out.

        Of "overall" before it was raised to its parts.
        """
        row = stack_row(scores)
        found = {
            output: model.contributions(row, use_stacker=use_stacker)
            for output, model in self.outputs.items()
        }
        return {output: parts for output, parts in found.items() if parts is not None}

    def rule(self, *, use_stacker: bool = True, view: Modality = "whole") -> DecisionRule | None:
        """How p_fake becomes a decision; None where the overall answer is not trained."""
        name = "kept" if use_stacker else "fused"
        return self.rules.get(modality_name(name, view), self.rules.get(name))

    def decide(
        self, p_fake: float | None, *, use_stacker: bool = True, view: Modality = "whole"
    ) -> Literal["real", "fake", "unsure"]:
        """The decision for what `assess` gave as "overall" of a clip of which that was assessed."""
        rule = self.rule(use_stacker=use_stacker, view=view)
        return rule.decide(p_fake) if rule else "unsure"

    @property
    def prior(self) -> float | None:
        """Share of fakes that "overall" was calibrated on; None where unknown or not trained."""
        known = self.outputs["overall"].prior if "overall" in self.outputs else None
        return known.fakes if known else None

    def shifts(self, prior: float) -> dict[str, float]:
        """Output -> what its logits rise by where the share `prior` of files is fake.

        ConfigError unless it was saved for every output what its calibrators were fitted on.
        """
        check_prior(prior)
        known = {output: model.prior for output, model in self.outputs.items()}
        found: dict[str, float] = {
            o: one.shift(prior) for o, one in known.items() if one and one.of_fakes
        }
        if lacking := [output for output in known if output not in found]:
            raise ConfigError(
                f"this detector cannot be asked with a prior: of {', '.join(lacking)} it is not "
                "known how frequent fakes were where it was calibrated (those of earlier versions "
                "do not say); train it again, or ask without a prior"
            )
        return found

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """One for each output that was not trained."""
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
            "rules": {name: rule.to_dict() for name, rule in self.rules.items()},
        }
        (folder / _CALIBRATION).write_text(json.dumps(fields, indent=1, allow_nan=False))

    @classmethod
    def load(cls, folder: Path) -> "DecisionModel":
        """The model that `save` wrote."""
        try:
            fields = json.loads((folder / _CALIBRATION).read_text())
            # Stackers find their columns by name, so that later columns do not disturb them.
            if fields["features"] != list(FEATURES)[: len(fields["features"])]:
                raise BundleError(f"{folder}: the stack rows have changed since it was trained")
            return cls(
                {
                    output: OutputModel.from_dict(output, one, _read_stacker(folder, output, one))
                    for output, one in fields["outputs"].items()
                },
                fields["not_trained"],
                {name: DecisionRule.from_dict(rule) for name, rule in fields["rules"].items()},
            )
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise BundleError(f"{folder}: cannot be read as a verdict model: {error}") from error


def raise_overall(answers: Mapping[Any, np.ndarray]) -> dict[str, np.ndarray]:
    """The same with "overall" at least as high as its parts; NaN parts do not count."""
    parts = np.fmax(answers["face"], answers["voice"])
    overall = answers["overall"]
    return {**answers, "overall": np.where(np.isnan(overall), np.nan, np.fmax(overall, parts))}


@dataclass(frozen=True)
class DecisionFit:
    """A model with what it would have answered for its own rows, had it not seen their groups."""

    model: DecisionModel
    kept: Mapping[str, np.ndarray]
    """Output -> float64 [N] with the stacker where it was kept; NaN where not assessed."""
    fused: Mapping[str, np.ndarray]
    """Output -> float64 [N] of the calibrated fusion head alone."""


def fit_decision_model(
    scored: OutOfFold, config: StackConfig | None = None, *, use_stacker: bool = True
) -> DecisionFit:
    """All three outputs; one whose labels hold one class or none is left out, with the reason.

    use_stacker False: no stacker is tried, the calibrated fusion head answers.
    """
    config = config or StackConfig()
    not_trained = {
        output: why for output in OUTPUTS if (why := why_untrainable(scored, output)) is not None
    }
    fits = {
        output: fit_output(scored, output, config=config, use_stacker=use_stacker)
        for output in OUTPUTS
        if output not in not_trained
    }
    answers = {
        "kept": _gather({name: fit.kept for name, fit in fits.items()}, len(scored)),
        "fused": _gather({name: fit.fused for name, fit in fits.items()}, len(scored)),
    }
    rules: dict[str, DecisionRule] = {}
    if "overall" in fits:
        for name, answer in answers.items():
            rules |= _fit_rules(name, answer["overall"], scored, config)
    models = {output: fit.model for output, fit in fits.items()}
    return DecisionFit(DecisionModel(models, not_trained, rules), answers["kept"], answers["fused"])


def _fit_rules(
    name: str, p_fake: np.ndarray, scored: OutOfFold, config: StackConfig
) -> dict[str, DecisionRule]:
    """One rule a view; a view that no clip has gets one that is always unsure.

    A clip whose missing part may be the forged one is still labelled by the whole: the promises
    are about files, and a picture without its sound seldom proves that a file is genuine.
    """
    views, labels = modalities_of(scored.rows), scored.labels["overall"]
    rules = {}
    for view in MODALITIES:
        rows = np.flatnonzero(views == view)
        # More copies of a clip would count it more than once.
        rows = rows[np.unique(np.asarray(scored.clip_ids)[rows], return_index=True)[1]]
        rules[modality_name(name, view)] = DecisionRule.fit(
            p_fake[rows],
            labels[rows],
            false_alarm_rate=config.false_alarm_rate,
            confidence=config.confidence,
        )
    return rules


def _gather(answers: Mapping[str, np.ndarray], num_rows: int) -> dict[str, np.ndarray]:
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
