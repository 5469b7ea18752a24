"""A model, a loss and batches in; the best state, on disk and in the model, out.

A killed run goes on where it was; see `fit`.
"""

from avfake.train.batches import outputs_of
from avfake.train.checkpoint import EpochRecord
from avfake.train.config import FitConfig
from avfake.train.engine import DivergedError
from avfake.train.loop import FitResult, fit
from avfake.train.losses import masked_bce
from avfake.train.optimizers import OPTIMIZERS, OptimizerConfig
from avfake.train.sampling import draw_rows, undersample
from avfake.train.schedules import SCHEDULES, ScheduleConfig

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "DivergedError",
    "EpochRecord",
    "FitConfig",
    "FitResult",
    "OptimizerConfig",
    "ScheduleConfig",
    "draw_rows",
    "fit",
    "masked_bce",
    "outputs_of",
    "undersample",
]
