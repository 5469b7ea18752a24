"""Clips made of prepared clips: a folder of them, with a status for each, resumable.

Degraded copies keep labels, groups and originals. Scored beside the clips they come from, they show
a detector how far its scores hold when a file was coded again or recorded with echoes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np

from avfake.clips.archive import Clip, ClipMeta, pack_clip
from avfake.clips.config import ClipConfig
from avfake.clips.preparation.folder import (
    STATUS_COLUMNS,
    PreparedFolder,
    archive_path,
    write_settings,
)
from avfake.clips.preparation.prepare import status_of
from avfake.clips.voice_statistics import voice_statistics
from avfake.datasets import Manifest, Row, save_manifest
from avfake.errors import ManifestError, MediaError
from avfake.media import Waveform
from avfake.parallel import Journal, map_into_journal
from avfake.storage import AnyPath, as_path, inside, write_table


@dataclass(frozen=True)
class Derived:
    """A clip that is to be written."""

    row: Row
    archive: AnyPath


D = TypeVar("D", bound=Derived)


def make_derived(
    dataset: str,
    tasks: Sequence[D],
    make: Callable[[D], Clip],
    out: AnyPath,
    config: ClipConfig,
    *,
    workers: int | None,
    doing: str,
) -> PreparedFolder:
    """Write the clip that `make` returns for each task; clips that are there already are kept.

    A clip that cannot be made (MediaError) has status failed, with the reason.
    """
    write_settings(out, config)
    manifest = Manifest(tuple(task.row for task in tasks), dataset)
    save_manifest(manifest, inside(out, "manifest.csv"))
    journal = Journal(Journal.path_of(inside(out, "journal")), "clip_id")
    ok = {clip_id for clip_id, status in journal.done.items() if status["status"] != "failed"}
    todo = [task for task in tasks if task.row.clip_id not in ok]
    work = partial(_make_one, config.hash, make)
    bar = {"total": len(tasks), "unit": "clip", "desc": doing}
    map_into_journal(
        work,
        todo,
        journal,
        lambda task, result: status_of(task.row, result),
        bar=bar,
        workers=workers,
        threads=1,
    )
    statuses = [journal.done[task.row.clip_id] for task in tasks]
    write_table(inside(out, "status.csv"), STATUS_COLUMNS, statuses)
    return PreparedFolder(out)


def _make_one(config_hash: str, make: Callable[[D], Clip], task: D) -> ClipMeta:
    try:
        clip = make(task)
    except MediaError as error:
        return ClipMeta(task.row.clip_id, config_hash, "failed", (error.reason,))
    clip.save(task.archive)
    return clip.meta


class ChangeSound(Protocol):
    """A function that changes a sound and keeps its length; it is pickled to other processes."""

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
    """Write a folder with a changed copy of every clip that has sound; a stopped run is resumed.

    A copy has the group of its clip, so that no split separates them. ManifestError if no clip has
    sound.
    """
    heard = [clip for clip in folder.clips if clip.has_audio]
    if not heard:
        raise ManifestError(f"{folder.path} holds no clip with sound to change")
    target = as_path(out)
    tasks = []
    for number, clip in enumerate(heard):
        row = clip.row
        copy = replace(
            row,
            clip_id=f"{row.clip_id}~degraded",
            original=f"{row.original}~degraded" if row.original else None,
            group=row.group or row.clip_id,
        )
        archive = archive_path(target, copy.clip_id)
        tasks.append(_Copy(copy, archive, clip.archive, (seed, number)))
    make: Callable[[_Copy], Clip] = partial(_degraded, folder.config, change)
    return make_derived(
        folder.manifest.dataset,
        tasks,
        make,
        target,
        folder.config,
        workers=workers,
        doing="degrade",
    )


def _degraded(config: ClipConfig, change: ChangeSound, task: _Copy) -> Clip:
    clip = Clip.open(task.source)
    before = clip.waveform()
    assert before is not None  # only clips with sound are copied
    waveform = change(before, rng=np.random.default_rng(task.seed))
    meta = replace(clip.meta, clip_id=task.row.clip_id, voice_statistics=voice_statistics(waveform))
    return pack_clip(meta, clip.crops(), waveform, jpeg_quality=config.jpeg_quality)
