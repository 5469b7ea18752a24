"""Branch scores of a clip in, calibrated probabilities and a decision out.

`ClipScores` -> one row of named statistics (`stack_row`) -> a LightGBM stacker for each output,
trained on out-of-fold rows only and kept only where it beats the simple rules -> calibration ->
real, fake or unsure. LightGBM and scikit-learn are imported when they are needed.
"""

from avfake.calibration.booster import StackConfig
from avfake.calibration.calibrators import Calibrator, ClippedCalibrator, kind_of
from avfake.calibration.combine import DecisionFit, DecisionModel, fit_decision_model, raise_overall
from avfake.calibration.contributions import LogitParts
from avfake.calibration.decide import DecisionRule
from avfake.calibration.features import FEATURES, columns_of, stack_row
from avfake.calibration.folds import OutOfFold, group_folds
from avfake.calibration.modalities import (
    MODALITIES,
    Modality,
    modalities_of,
    modality_name,
    modality_of,
)
from avfake.calibration.output import OutputModel
from avfake.calibration.prior import check_prior, shift_probability
from avfake.calibration.rules import RULES, find_rule
from avfake.calibration.scores import ClipScores

__all__ = [
    "Calibrator",
    "ClipScores",
    "ClippedCalibrator",
    "DecisionRule",
    "FEATURES",
    "LogitParts",
    "OutOfFold",
    "OutputModel",
    "RULES",
    "StackConfig",
    "MODALITIES",
    "DecisionFit",
    "DecisionModel",
    "Modality",
    "check_prior",
    "columns_of",
    "find_rule",
    "fit_decision_model",
    "group_folds",
    "kind_of",
    "raise_overall",
    "shift_probability",
    "stack_row",
    "modality_name",
    "modality_of",
    "modalities_of",
]
