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
from avfake.calibration.features import FEATURES, MODALITIES, ClipScores, Modality, stack_row
from avfake.calibration.out_of_fold import OutOfFold
from avfake.calibration.output_model import OutputModel
from avfake.calibration.probabilities import RULES, check_prior, find_rule, shift_probability
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
    "find_rule",
    "fit_decision_model",
    "raise_overall",
    "shift_probability",
    "stack_row",
]
