"""`Detector.from_pretrained(names).predict(path) -> Verdict`: from a file to its verdict.

A detector has one member or several; each is a `Bundle`, a folder that training writes.
"""

from typing import TYPE_CHECKING

from avfake import late
from avfake.detector.options import PredictOptions
from avfake.detector.shipped import default_release

if TYPE_CHECKING:
    from avfake.detector import facts
    from avfake.detector.branch_scores import (
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

# All else imports torch, which a process that only watches a worker does without.
__getattr__ = late.names(
    __name__,
    {
        "branch_scores": "run_models sampling_for score_clip torch_defaults",
        "bundle": "Bundle",
        "detector": "Detector",
        "ensemble": "FolderFacts write_ensemble",
        "export": "check_export export_detector",
        "folders": "CARD",
        "release": "RESEARCH_ONLY release_detector",
        "tables": "combine_tables",
    },
)
