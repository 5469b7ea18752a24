"""From the branch scores of a clip to calibrated probabilities and a decision.

`ClipScores` -> one row of named statistics (`stack_row`) -> a LightGBM stacker for each output,
trained on out-of-fold rows only and kept only where it beats the simple rules -> calibration ->
real, fake or unsure. LightGBM, SciPy and scikit-learn are imported when they are needed.
"""

from avfake.calibration.calibrators import Calibrator
from avfake.calibration.decision_model import (
    DecisionFit,
    DecisionModel,
    fit_decision_model,
    raise_overall,
)
from avfake.calibration.decision_rule import DecisionRule
from avfake.calibration.features import FEATURES, columns_of, modalities_of, stack_row
from avfake.calibration.out_of_fold import OutOfFold, group_folds
from avfake.calibration.output_model import OutputModel
from avfake.calibration.probabilities import check_prior, shift_probability
from avfake.calibration.rules import RULES, find_rule
from avfake.calibration.scores import MODALITIES, ClipScores, Modality
from avfake.calibration.stacker import LogitParts, StackConfig

__all__ = [
    "Calibrator",
    "ClipScores",
    "DecisionFit",
    "DecisionModel",
    "DecisionRule",
    "FEATURES",
    "LogitParts",
    "MODALITIES",
    "Modality",
    "OutOfFold",
    "OutputModel",
    "RULES",
    "StackConfig",
    "check_prior",
    "columns_of",
    "find_rule",
    "fit_decision_model",
    "group_folds",
    "modalities_of",
    "raise_overall",
    "shift_probability",
    "stack_row",
]
