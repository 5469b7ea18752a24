"""The preparation of a whole manifest over a pool of workers."""

from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal

from avfake.clips.archive import Clip, ClipMeta
from avfake.clips.config import ClipConfig
from avfake.clips.cut import cut_clip
from avfake.clips.preparation.folder import (
    STATUS_COLUMNS,
    PreparedFolder,
    archive_path,
    write_settings,
)
from avfake.datasets import Manifest, Row, build_manifest, load_spec, read_manifest
from avfake.errors import AvfakeError, ConfigError, MediaError, Reason, StoreError
from avfake.parallel import Failure, Journal, is_settled, map_items, progress
from avfake.storage import (
    AnyPath,
    as_path,
    has_changed,
    read_if_there,
    remove_partials,
    states_of,
    write_table,
)

TIME_LIMIT_SECONDS = 300.0
"""Limit for one file; a 10 s clip takes a few seconds, so it only stops endless decoding."""


def prepare_dataset(
    spec: str, root: str | Path, out: str | Path, config: ClipConfig, *, workers: int
) -> PreparedFolder:
    """Return the prepared clips of a dataset, given the name of its spec and its folder."""
    return prepare_clips(build_manifest(load_spec(spec), root), out, config, workers=workers)


def prepare_clips(
    manifest: Manifest,
    out: str | Path,
    config: ClipConfig | None = None,
    *,
    workers: int | None = None,
    time_limit_seconds: float = TIME_LIMIT_SECONDS,
    reuse_boxes: bool = True,
    engine: Literal["local", "ray"] = "local",
    ray_address: str | None = None,
) -> PreparedFolder:
    """Write a folder of prepared clips of a manifest; finished clips are kept.

    Files that failed or lost a stream are tried again, changed files are cut again. ConfigError for
    a folder that holds something else, or clips of other files.

    Genuine clips come first, so that a fake can use the boxes of its original (`reuse_boxes`):
    pixel-aligned pairs without a second detection.
    """
    folder, config = as_path(out), config or ClipConfig()
    if config.detector == "blazeface":
        config.face_detector()  # fails here, not once for each file
    journal = start(folder, config, manifest, keeps_files=True)
    states = states_of([as_path(row.path) for row in manifest.rows])
    state = {row.clip_id: states[as_path(row.path)] for row in manifest.rows}
    left = {i for i in state if not is_settled(journal.done.get(i), state[i])}
    second = [row for row in manifest.rows if reuse_boxes and row.original in state]
    waiting = {row.clip_id for row in second}
    # One thread, so that the archives do not depend on the number of workers.
    cut = partial(
        map_items,
        workers=workers,
        threads=1,
        engine=engine,
        ray_address=ray_address,
        time_limit_seconds=time_limit_seconds,
    )
    total = len(manifest)
    bar = progress(total=total, initial=total - len(left), unit="clip", desc="prepare")
    renewed = left & waiting
    """Clips whose boxes may differ from those that a fake of them has used."""
    with bar:
        for batch in ([row for row in manifest.rows if row.clip_id not in waiting], second):
            rows = [row for row in batch if row.clip_id in left or row.original in renewed]
            bar.total = total = total + sum(row.clip_id not in left for row in rows)
            for index, result in cut(partial(_prepare_one, config, folder, batch is second), rows):
                if isinstance(result, StoreError):
                    raise AvfakeError(
                        f"{result}; what was done is kept: run the same command again"
                    ) from result
                row = rows[index]
                status = status_of(row, result) | {"state": state[row.clip_id]}
                if journal.done.get(row.clip_id) != status:
                    renewed.add(row.clip_id)
                journal.append(status)
                bar.update()
    return finish(folder, journal, manifest)


def _refuse_to_lose(folder: AnyPath, manifest: Manifest) -> None:
    """ConfigError if the folder holds clips of other files than these, which would be lost."""
    there = folder / "manifest.csv"
    if not read_if_there(there):
        return
    before, paths = (
        {row.clip_id: as_path(row.path) for row in one.rows}
        for one in (read_manifest(there), manifest)
    )
    lost = [clip_id for clip_id in before if clip_id not in paths]
    moved = [clip_id for clip_id in before if before[clip_id] != paths.get(clip_id)]
    states = states_of([*(before[i] for i in moved), *(paths[i] for i in moved if i in paths)])
    lost += [i for i in moved if i in paths and has_changed(states[before[i]], states[paths[i]])]
    if lost:
        raise ConfigError(
            f"{folder} holds {len(lost)} clips of files that are not among these "
            f"({', '.join(lost[:3])}{', ...' if len(lost) > 3 else ''}); give another folder, or "
            "delete this one to start over"
        )


def _prepare_one(
    config: ClipConfig, folder: AnyPath, reuse_boxes: bool, row: Row
) -> ClipMeta | StoreError:
    """Return the result of a file, or the StoreError of the output folder."""
    try:
        original = archive_path(folder, row.original) if reuse_boxes and row.original else None
        content = read_if_there(original) if original else None
        boxes_from = Clip.open(content) if content else None
        detector = _detector(config)
        clip = cut_clip(row.path, config, detector, clip_id=row.clip_id, boxes_from=boxes_from)
        if clip.meta.status != "failed":
            clip.save(archive_path(folder, row.clip_id))
        return clip.meta
    except MediaError as error:
        return ClipMeta(row.clip_id, config.hash, "failed", (error.reason,))
    except StoreError as error:
        return error


_detector = lru_cache(maxsize=1)(ClipConfig.face_detector)


def start(
    folder: AnyPath, config: ClipConfig, manifest: Manifest, *, keeps_files: bool = False
) -> Journal:
    """Write settings and manifest of a folder of clips; return the journal of what is done.

    keeps_files: ConfigError if the folder holds clips of files that are not in the manifest.
    """
    write_settings(folder, config)
    remove_partials(folder)
    if keeps_files:
        _refuse_to_lose(folder, manifest)
    manifest.save(folder / "manifest.csv")
    return Journal(Journal.path_of(folder / "journal"), "clip_id")


def finish(folder: AnyPath, journal: Journal, manifest: Manifest) -> PreparedFolder:
    """Write status.csv, in the order of the manifest; return the finished folder."""
    done = [journal.done[row.clip_id] for row in manifest.rows]
    statuses = [{name: status.get(name) for name in STATUS_COLUMNS} for status in done]
    write_table(folder / "status.csv", STATUS_COLUMNS, statuses)
    return PreparedFolder(folder)


def status_of(row: Row, result: ClipMeta | Failure) -> dict[str, Any]:
    """Return the row of status.csv for a clip or its failure."""
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
