"""`Detector.from_pretrained(names).predict(path) -> Verdict`: from a file to its verdict.

A detector has one member or several; each is a `Bundle`, a folder that training writes.
"""

from avfake.detector import facts
from avfake.detector.branch_scores import (
    PredictOptions,
    run_models,
    sampling_for,
    score_clip,
    torch_defaults,
)
from avfake.detector.bundle import Bundle
from avfake.detector.detector import Detector
from avfake.detector.ensemble import FolderFacts, write_ensemble
from avfake.detector.export import check_export, export_detector
from avfake.detector.folders import CARD
from avfake.detector.release import RESEARCH_ONLY, release_detector
from avfake.detector.shipped import default_release
from avfake.detector.tables import combine_tables

__all__ = [
    "Bundle",
    "CARD",
    "Detector",
    "FolderFacts",
    "PredictOptions",
    "RESEARCH_ONLY",
    "check_export",
    "combine_tables",
    "default_release",
    "export_detector",
    "facts",
    "release_detector",
    "run_models",
    "sampling_for",
    "score_clip",
    "torch_defaults",
    "write_ensemble",
]
