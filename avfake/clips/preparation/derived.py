"""Clips made of prepared clips: a folder of them, with a status for each, resumable."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from avfake.clips.archive import Clip, ClipMeta
from avfake.clips.config import ClipConfig
from avfake.clips.preparation.folder import STATUS_COLUMNS, PreparedFolder, write_settings
from avfake.clips.preparation.prepare import status_of
from avfake.datasets import Manifest, Row, save_manifest
from avfake.errors import MediaError
from avfake.parallel import Journal, default_workers, map_items
from avfake.progress import progress
from avfake.storage import AnyPath, inside, write_table


@dataclass(frozen=True)
class Derived:
    """One clip to be written."""

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
    """The folder of what `make` gives for each task; what is there already is kept.

    A clip that cannot be made (MediaError) has a status that says why.
    """
    write_settings(out, config)
    manifest = Manifest(tuple(task.row for task in tasks), dataset)
    save_manifest(manifest, inside(out, "manifest.csv"))
    journal = Journal(Journal.path_of(inside(out, "journal")), "clip_id")
    ok = {clip_id for clip_id, status in journal.done.items() if status["status"] != "failed"}
    todo = [task for task in tasks if task.row.clip_id not in ok]
    work = partial(_make_one, config.hash, make)
    workers = default_workers() if workers is None else workers
    done = len(tasks) - len(todo)
    with progress(total=len(tasks), initial=done, unit="clip", desc=doing) as bar:
        for index, result in map_items(work, todo, workers=workers, threads=1):
            journal.append(status_of(todo[index].row, result))
            bar.update()
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
