"""Folders of prepared clips and a config -> a trained detector and its table of test results."""

from avfake.training.accelerator import refuse_processes
from avfake.training.comparisons import ablate, train_ensemble
from avfake.training.config import TrainingConfig
from avfake.training.pipeline import train_detector
from avfake.training.rate_finder import RateConfig
from avfake.training.results import measure_clips, put_aside, train_and_test
from avfake.training.run import environment

__all__ = [
    "RateConfig",
    "TrainingConfig",
    "ablate",
    "environment",
    "measure_clips",
    "put_aside",
    "refuse_processes",
    "train_and_test",
    "train_detector",
    "train_ensemble",
]
