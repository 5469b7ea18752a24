"""Frames in, persons out: faces found in single frames, joined to tracks, cut to square crops.

Boxes are float32 x0, y0, x1, y1 in px of the full-resolution displayed frame. A detector is
anything with `name` and `detect`; MTCNN comes along, BlazeFace needs a model file and an extra.
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
