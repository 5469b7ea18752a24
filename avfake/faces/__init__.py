"""Detection of faces in frames, tracking of persons, and square crops of their faces.

Boxes are float32 x0, y0, x1, y1 in px of the full-resolution displayed frame. A detector is any
object with `name` and `detect`; MTCNN is included, BlazeFace needs a model file and an extra. The
margin around a face (`CropConfig.margin`) is applied in `FaceTrack.squares`.
"""

from avfake.faces.blazeface import BlazeFaceConfig
from avfake.faces.cropping import CropConfig, FaceTrack
from avfake.faces.detecting import DetectConfig, make_detector
from avfake.faces.tracking import TrackConfig, track_faces
from avfake.faces.types import Detections, FaceDetector

__all__ = [
    "BlazeFaceConfig",
    "CropConfig",
    "DetectConfig",
    "Detections",
    "FaceDetector",
    "FaceTrack",
    "TrackConfig",
    "make_detector",
    "track_faces",
]
