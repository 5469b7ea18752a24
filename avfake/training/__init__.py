"""Folders of prepared clips and a config come in; a trained detector and its test table go out."""

from avfake.training.ablation import ablate
from avfake.training.config import DataConfig, LossConfig, TrainingConfig
from avfake.training.fitting.config import FitConfig
from avfake.training.fitting.optimizers import OptimizerConfig
from avfake.training.fitting.processes import is_main_process, on_main_process, refuse_processes
from avfake.training.fitting.rate_finder import RateConfig, RateFinding
from avfake.training.fitting.schedules import ScheduleConfig
from avfake.training.join_detectors import join_detectors
from avfake.training.measure import COLUMNS, examples_of_split, measure
from avfake.training.pipeline import TrainedDetector, train_detector
from avfake.training.plan import Example, Plan, gather
from avfake.training.rates import find_member_rate
from avfake.training.results import measure_test, publish_test, record_results
from avfake.training.run import environment

__all__ = [
    "TrainedDetector",
    "TrainingConfig",
    "COLUMNS",
    "DataConfig",
    "Example",
    "FitConfig",
    "LossConfig",
    "OptimizerConfig",
    "Plan",
    "RateConfig",
    "RateFinding",
    "ScheduleConfig",
    "ablate",
    "train_detector",
    "environment",
    "examples_of_split",
    "find_member_rate",
    "gather",
    "is_main_process",
    "join_detectors",
    "measure",
    "measure_test",
    "on_main_process",
    "publish_test",
    "record_results",
    "refuse_processes",
]
