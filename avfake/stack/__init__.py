"""Branch scores of a clip in, calibrated probabilities and a decision out.

`ClipScores` -> one row of named statistics (`stack_row`) -> a LightGBM stacker for each output,
trained on out-of-fold rows only and kept only where it beats the simple rules -> calibration ->
real, fake or unsure. LightGBM and scikit-learn are imported when they are needed.
"""

from avfake.stack.booster import StackConfig, Stacker, fit_stacker
from avfake.stack.calibrate import PlattCalibrator, fit_calibrator, operating_point
from avfake.stack.choose import Choice
from avfake.stack.combine import VerdictFit, VerdictModel, fit_verdict_model, raise_overall
from avfake.stack.contributions import LogitParts
from avfake.stack.decide import ConformalBand, DecisionRule, decide
from avfake.stack.features import (
    FEATURES,
    OUTPUT_FEATURES,
    OUTPUTS,
    SYNC_STATISTICS,
    VOICE_STATISTICS,
    stack_row,
)
from avfake.stack.folds import OutOfFold
from avfake.stack.prior import TrainedPrior, check_prior, shift_probability
from avfake.stack.rules import RULES, find_rule, over_persons
from avfake.stack.scores import ClipScores
from avfake.stack.views import VIEWS, View, view_of

__all__ = [
    "FEATURES",
    "OUTPUTS",
    "OUTPUT_FEATURES",
    "RULES",
    "SYNC_STATISTICS",
    "VIEWS",
    "VOICE_STATISTICS",
    "Choice",
    "ClipScores",
    "ConformalBand",
    "DecisionRule",
    "LogitParts",
    "OutOfFold",
    "PlattCalibrator",
    "StackConfig",
    "Stacker",
    "TrainedPrior",
    "VerdictFit",
    "VerdictModel",
    "View",
    "check_prior",
    "decide",
    "find_rule",
    "fit_calibrator",
    "fit_stacker",
    "fit_verdict_model",
    "operating_point",
    "over_persons",
    "raise_overall",
    "shift_probability",
    "stack_row",
    "view_of",
]
