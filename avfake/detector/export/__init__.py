"""A detector as one ONNX file that needs no torch: crops and sound in, probabilities out."""

from avfake.detector.export.folder import Exported, check_export, export_detector

__all__ = ["Exported", "check_export", "export_detector"]
