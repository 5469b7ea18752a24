"""The preparation of a whole manifest over a pool of workers."""

from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from avfake.clips import Clip, ClipConfig, ClipMeta, cut_clip, face_detector
from avfake.cluster import Engine, Failure, Journal, default_workers, journal_at, map_items
from avfake.data import Manifest, Row, save_manifest
from avfake.errors import AvfakeError, MediaError, Reason, StoreError
from avfake.faces import FaceDetector
from avfake.files import read_if_there, write_table
from avfake.prepare.folder import STATUS_COLUMNS, PreparedFolder, archive_path, write_settings
from avfake.progress import progress
from avfake.remote import Place, inside, place_of

TIME_LIMIT_SECONDS = 300.0
"""For one file; a 10 s clip takes a few seconds, so this only catches endless decodes."""


@dataclass(frozen=True)
class _Task:
    row: Row
    archive: Place
    original_archive: Place | None


def prepare_clips(
    manifest: Manifest,
    out: str | Path,
    config: ClipConfig | None = None,
    *,
    workers: int | None = None,
    time_limit_seconds: float = TIME_LIMIT_SECONDS,
    reuse_boxes: bool = True,
    engine: Engine = "local",
    ray_address: str | None = None,
) -> PreparedFolder:
    """The folder of prepared clips of a manifest; what is there already is kept.

    Genuine clips go first, so that a fake can take the boxes found on its original
    (`reuse_boxes`): pixel-aligned pairs, and no second detection.
    """
    folder, config = place_of(out), config or ClipConfig()
    if config.detector == "blazeface":
        face_detector(config)  # refused here, not once for each file
    write_settings(folder, config)
    save_manifest(manifest, inside(folder, "manifest.csv"))
    journal = Journal(journal_at(inside(folder, "journal")), "clip_id")
    present = {row.clip_id for row in manifest.rows}
    left = {i for i in present if not _is_settled(journal.done.get(i))}
    # A fake takes its boxes from its original, so it is done again with it.
    rows = [r for r in manifest.rows if r.clip_id in left or (reuse_boxes and r.original in left)]
    second = [row for row in rows if reuse_boxes and row.original in present]
    first = [row for row in rows if row not in set(second)]
    workers = default_workers() if workers is None else workers
    done = len(manifest) - len(rows)
    with progress(total=len(manifest), initial=done, unit="clip", desc="prepare") as bar:
        for batch in (first, second):
            tasks = [_task(folder, row, reuse_boxes=batch is second) for row in batch]
            function = partial(_prepare_one, config)
            for index, result in map_items(
                function,
                tasks,
                workers=workers,
                threads=1,  # so that the archives do not depend on the number of workers
                time_limit_seconds=time_limit_seconds,
                engine=engine,
                ray_address=ray_address,
            ):
                if isinstance(result, StoreError):
                    raise AvfakeError(
                        f"{result}; what was done is kept: run the same command again"
                    ) from result
                journal.append(status_of(tasks[index].row, result))
                bar.update()
    statuses = [journal.done[row.clip_id] for row in manifest.rows]
    write_table(inside(folder, "status.csv"), STATUS_COLUMNS, statuses)
    return PreparedFolder(folder)


def _task(folder: Place, row: Row, *, reuse_boxes: bool) -> _Task:
    original = archive_path(folder, row.original) if reuse_boxes and row.original else None
    return _Task(row, archive_path(folder, row.clip_id), original)


def _is_settled(status: dict[str, Any] | None) -> bool:
    """False for a file that its store did not give: it is asked for again."""
    return status is not None and "file:unreachable" not in status["reasons"]


def _prepare_one(config: ClipConfig, task: _Task) -> ClipMeta | StoreError:
    """What became of a file; StoreError where the place of the clips is at fault, not the file."""
    try:
        return _cut_and_save(config, task)
    except StoreError as error:
        return error


def _cut_and_save(config: ClipConfig, task: _Task) -> ClipMeta:
    boxes_from = _original(task.original_archive)
    try:
        clip = cut_clip(
            task.row.path,
            config,
            _detector(config),
            clip_id=task.row.clip_id,
            boxes_from=boxes_from,
        )
    except MediaError as error:
        return ClipMeta(task.row.clip_id, config.hash, "failed", (error.reason,))
    if clip.meta.status != "failed":
        clip.save(task.archive)
    return clip.meta


def _original(archive: Place | None) -> Clip | None:
    if isinstance(archive, str):
        content = read_if_there(archive)
        return None if content is None else Clip.open(content)
    return Clip.open(archive) if archive is not None and archive.is_file() else None


@lru_cache(maxsize=1)
def _detector(config: ClipConfig) -> FaceDetector:
    return face_detector(config)


def status_of(row: Row, result: ClipMeta | Failure) -> dict[str, Any]:
    """The row of status.csv for a clip that was made, or was not."""
    if isinstance(result, Failure):
        reason = Reason("file", result.code, result.detail)
        result = ClipMeta(row.clip_id, "", "failed", (reason,))
    return {
        "clip_id": result.clip_id,
        "status": result.status,
        "reasons": "; ".join(reason.short for reason in result.reasons),
        "persons": len(result.persons),
        "crops": sum(len(person.frame_indices) for person in result.persons),
        "sound_seconds": round(result.sound_seconds, 3),
    } | {name: result.media.get(name) for name in ("duration_seconds", "width", "height", "fps")}
