"""From the branch scores of a clip to calibrated probabilities and a decision.

`ClipScores` -> its row of named statistics -> a LightGBM stacker for each output, trained on
out-of-fold rows only and kept only where it beats the simple rules -> calibration -> real, fake or
unsure. LightGBM, SciPy and scikit-learn are imported when they are needed.
"""

from avfake.calibration.calibrators import shifted
from avfake.calibration.decision_model import DecisionFit, DecisionModel, raise_overall
from avfake.calibration.decision_rule import DecisionRule
from avfake.calibration.features import FEATURES, ClipScores
from avfake.calibration.out_of_fold import OutOfFold
from avfake.calibration.probabilities import RULES
from avfake.calibration.stacker import StackConfig

__all__ = [
    "ClipScores",
    "DecisionFit",
    "DecisionModel",
    "DecisionRule",
    "FEATURES",
    "OutOfFold",
    "RULES",
    "StackConfig",
    "raise_overall",
    "shifted",
]
