"""Folders of prepared clips and a config come in; a trained detector and its test table go out."""

from avfake.assembly.ablation import ablate
from avfake.assembly.assembling import Assembled, assemble
from avfake.assembly.config import AssemblyConfig, DataConfig, LossConfig
from avfake.assembly.measure import examples_of_split, measure
from avfake.assembly.plan import Example, Plan, gather
from avfake.assembly.rates import find_member_rate
from avfake.assembly.results import measure_test, publish_test, record_results
from avfake.assembly.run import environment
from avfake.assembly.together import join_detectors

__all__ = [
    "Assembled",
    "AssemblyConfig",
    "DataConfig",
    "Example",
    "LossConfig",
    "Plan",
    "ablate",
    "assemble",
    "environment",
    "examples_of_split",
    "find_member_rate",
    "gather",
    "join_detectors",
    "measure",
    "measure_test",
    "publish_test",
    "record_results",
]
