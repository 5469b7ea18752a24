"""A file comes in, a prepared clip goes out: face crops of every person, sound, and their facts.

A clip is one zip archive, in memory or on disk, so that training (from disk) and prediction (from
memory) see the very same bytes. `ClipDataset` and `collate` turn clips into torch batches.
"""

from avfake.clips.archive import Clip, ClipMeta, PersonMeta
from avfake.clips.config import ClipConfig, face_detector
from avfake.clips.cut import cut_clip
from avfake.clips.dataset import ClipDataset, ClipEntry, Draw, collate
from avfake.clips.loading import EpochDraws, load_batches, named_failures
from avfake.clips.sample import SampleConfig, Sampled, sample_clip
from avfake.clips.speech import SpeechConfig
from avfake.clips.stretches import SeenLabels, Stretch, seen_labels
from avfake.clips.training import Augment, TrainingSample

__all__ = [
    "Augment",
    "Clip",
    "ClipConfig",
    "ClipDataset",
    "ClipEntry",
    "ClipMeta",
    "Draw",
    "EpochDraws",
    "PersonMeta",
    "SampleConfig",
    "Sampled",
    "SeenLabels",
    "SpeechConfig",
    "Stretch",
    "TrainingSample",
    "collate",
    "cut_clip",
    "face_detector",
    "load_batches",
    "named_failures",
    "sample_clip",
    "seen_labels",
]
