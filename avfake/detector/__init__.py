"""`Detector.from_pretrained(names).predict(path) -> Verdict`: from a file to its verdict.

A detector has one member or several; each is a `Bundle`, a folder that training writes.
"""

from avfake.detector import facts
from avfake.detector.bundle import CARD, Bundle, write_bundle
from avfake.detector.detector import Detector
from avfake.detector.ensemble import FolderFacts, fit_decision, read_folder, write_ensemble
from avfake.detector.member import (
    Member,
    PredictOptions,
    run_models,
    score_clip,
    torch_defaults,
)
from avfake.detector.release import RESEARCH_ONLY, release_detector, research_only
from avfake.detector.shipped import DEFAULT_FOLDER, default_release
from avfake.detector.tables import combine_tables

__all__ = [
    "Bundle",
    "CARD",
    "DEFAULT_FOLDER",
    "Detector",
    "FolderFacts",
    "Member",
    "PredictOptions",
    "RESEARCH_ONLY",
    "combine_tables",
    "default_release",
    "facts",
    "fit_decision",
    "read_folder",
    "release_detector",
    "research_only",
    "run_models",
    "score_clip",
    "torch_defaults",
    "write_bundle",
    "write_ensemble",
]
