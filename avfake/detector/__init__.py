"""`Detector.from_pretrained(name).predict(path) -> Verdict`: the whole road in one call.

One bundle, or several that answer together (`EnsembleDetector`); both take the same calls.
"""

from avfake.detector.defaults import torch_defaults
from avfake.detector.several import EnsembleDetector
from avfake.detector.single import Detector, Switches

__all__ = ["Detector", "EnsembleDetector", "Switches", "torch_defaults"]
