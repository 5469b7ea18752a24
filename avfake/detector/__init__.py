"""`Detector.from_pretrained(name).predict(path) -> Verdict`: the whole road in one call.

One bundle, or several that answer together (`EnsembleDetector`); both take the same calls.
"""

from avfake.detector import facts
from avfake.detector.bundle import (
    CARD,
    Bundle,
    checked_sums,
    read_bundle,
    read_config,
    write_bundle,
)
from avfake.detector.defaults import torch_defaults
from avfake.detector.detector import Detector, Switches
from avfake.detector.ensemble.columns import RANK_MEAN
from avfake.detector.ensemble.folder import (
    Combination,
    fit_decision,
    is_ensemble,
    read_ensemble,
    write_ensemble,
)
from avfake.detector.ensemble.tables import combine_tables
from avfake.detector.inference import score_clip
from avfake.detector.release import RESEARCH_ONLY, release_detector, research_only
from avfake.detector.several import EnsembleDetector

__all__ = [
    "Bundle",
    "CARD",
    "Combination",
    "Detector",
    "EnsembleDetector",
    "RANK_MEAN",
    "RESEARCH_ONLY",
    "Switches",
    "checked_sums",
    "combine_tables",
    "fit_decision",
    "is_ensemble",
    "read_bundle",
    "read_config",
    "read_ensemble",
    "release_detector",
    "research_only",
    "score_clip",
    "torch_defaults",
    "write_bundle",
    "write_ensemble",
]
