"""Detection of faces in frames, tracking of persons, and square crops of their faces.

Boxes are float32 x0, y0, x1, y1 in px of the full-resolution displayed frame. A detector is any
object with `name` and `detect`; MTCNN is included, BlazeFace needs a model file and an extra. The
margin around a face (`CropConfig.margin`) is applied in `cropping.crop_squares`.
"""

from avfake.faces.blazeface import BlazeFaceConfig, BlazeFaceDetector, keep_model
from avfake.faces.cropping import CropConfig, crop_track, landmarks_in_crops
from avfake.faces.detecting import DetectConfig, MTCNNDetector
from avfake.faces.tracking import TrackConfig, thin_tracks, track_faces
from avfake.faces.types import FaceDetector, FaceTrack

__all__ = [
    "BlazeFaceConfig",
    "BlazeFaceDetector",
    "CropConfig",
    "DetectConfig",
    "FaceDetector",
    "FaceTrack",
    "MTCNNDetector",
    "TrackConfig",
    "crop_track",
    "keep_model",
    "landmarks_in_crops",
    "thin_tracks",
    "track_faces",
]
