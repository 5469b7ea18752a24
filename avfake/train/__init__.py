"""A model, a loss and batches in; the best state, on disk and in the model, out.

A killed run goes on where it was; see `fit`.
"""

from avfake.train.batches import outputs_of
from avfake.train.checkpoint import EpochRecord, epoch_weights
from avfake.train.config import FitConfig
from avfake.train.engine import DivergedError
from avfake.train.loop import FitResult, fit
from avfake.train.losses import masked_bce
from avfake.train.optimizers import OPTIMIZERS, OptimizerConfig
from avfake.train.processes import (
    is_main_process,
    join_processes,
    on_main_process,
    refuse_processes,
)
from avfake.train.rate_finder import RateConfig, RateFinding, find_rate
from avfake.train.sampling import draw_rows, undersample
from avfake.train.schedules import SCHEDULES, ScheduleConfig
from avfake.train.weights import load_weights

__all__ = [
    "OPTIMIZERS",
    "SCHEDULES",
    "DivergedError",
    "EpochRecord",
    "FitConfig",
    "FitResult",
    "OptimizerConfig",
    "RateConfig",
    "RateFinding",
    "ScheduleConfig",
    "draw_rows",
    "epoch_weights",
    "find_rate",
    "fit",
    "is_main_process",
    "join_processes",
    "load_weights",
    "masked_bce",
    "on_main_process",
    "outputs_of",
    "refuse_processes",
    "undersample",
]
