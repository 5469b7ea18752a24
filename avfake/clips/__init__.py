"""Prepared clips: the face crops of every person in a file, its speech, and facts about them.

A clip is one zip archive, in memory or on disk, so that training (from disk) and prediction (from
memory) use the same bytes. `ClipDataset` and `collate` turn clips into torch batches.
"""

from typing import TYPE_CHECKING

from avfake import late
from avfake.clips.archive import Clip
from avfake.clips.config import ClipConfig
from avfake.clips.cut import cut_clip
from avfake.clips.dataset import ClipDataset, ClipEntry, TrainingSample, collate
from avfake.clips.sample import InputSpec, SampleConfig, Sampled

if TYPE_CHECKING:
    from avfake.clips.loading import EpochDraws, load_batches, named_failures
    from avfake.clips.preparation.derived import join_clips
    from avfake.clips.preparation.folder import PreparedClip, PreparedFolder
    from avfake.clips.preparation.forged import ForgeryConfig
    from avfake.clips.preparation.prepare import prepare_clips, prepare_dataset

__all__ = [
    "Clip",
    "ClipConfig",
    "ClipDataset",
    "ClipEntry",
    "EpochDraws",
    "ForgeryConfig",
    "InputSpec",
    "PreparedClip",
    "PreparedFolder",
    "SampleConfig",
    "Sampled",
    "TrainingSample",
    "collate",
    "cut_clip",
    "join_clips",
    "load_batches",
    "named_failures",
    "prepare_clips",
    "prepare_dataset",
]

__getattr__ = late.names(
    __name__,
    {
        "loading": "EpochDraws load_batches named_failures",
        "preparation.derived": "join_clips",
        "preparation.folder": "PreparedClip PreparedFolder",
        "preparation.forged": "ForgeryConfig",
        "preparation.prepare": "prepare_clips prepare_dataset",
    },
)
