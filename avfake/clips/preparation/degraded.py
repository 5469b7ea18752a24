"""Prepared clips in, the same with their sound changed out: what was passed on, and is still true.

Labels, groups and originals stay. Judged beside the clips they come from, such copies tell a
detector how far its answers hold when a file was coded anew or recorded in a room.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol

import numpy as np

from avfake.clips.archive import Clip, pack_clip
from avfake.clips.config import ClipConfig
from avfake.clips.preparation.derived import Derived, make_derived
from avfake.clips.preparation.folder import PreparedFolder, archive_path
from avfake.clips.sound import voice_statistics
from avfake.errors import ManifestError
from avfake.media import Waveform
from avfake.storage import AnyPath, as_path


class ChangeSound(Protocol):
    """A sound in, another of the same length out; pickled by name to other processes."""

    def __call__(self, waveform: Waveform, *, rng: np.random.Generator) -> Waveform: ...


@dataclass(frozen=True)
class _Copy(Derived):
    source: AnyPath
    seed: tuple[int, ...]


def degrade_clips(
    folder: PreparedFolder,
    out: str | Path,
    change: ChangeSound,
    *,
    seed: int = 0,
    workers: int | None = None,
) -> PreparedFolder:
    """The folder of a changed copy of every clip with sound; a run that was stopped goes on.

    A copy has the group of its clip, so that no split parts them; ManifestError without sound.
    """
    heard = [clip for clip in folder.clips if clip.has_audio]
    if not heard:
        raise ManifestError(f"{folder.path} holds no clip with sound to change")
    target = as_path(out)
    tasks = []
    for number, clip in enumerate(heard):
        row = clip.row
        worn = replace(
            row,
            clip_id=f"{row.clip_id}~worn",
            original=f"{row.original}~worn" if row.original else None,
            group=row.group or row.clip_id,
        )
        archive = archive_path(target, worn.clip_id)
        tasks.append(_Copy(worn, archive, clip.archive, (seed, number)))
    make: Callable[[_Copy], Clip] = partial(_degraded, folder.config, change)
    return make_derived(
        folder.manifest.dataset, tasks, make, target, folder.config, workers=workers, doing="wear"
    )


def _degraded(config: ClipConfig, change: ChangeSound, task: _Copy) -> Clip:
    clip = Clip.open(task.source)
    with clip.opened():
        crops = [
            np.stack([clip.crop(place, k) for k in range(len(person.frame_indices))])
            for place, person in enumerate(clip.meta.persons)
        ]
        before = clip.waveform()
    assert before is not None  # only clips with sound are copied
    waveform = change(before, rng=np.random.default_rng(task.seed))
    meta = replace(clip.meta, clip_id=task.row.clip_id, voice_statistics=voice_statistics(waveform))
    return pack_clip(meta, crops, waveform, jpeg_quality=config.jpeg_quality)
