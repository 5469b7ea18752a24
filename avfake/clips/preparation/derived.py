"""Clips made of prepared clips: folders of joined clips, resumable.

Joined clips have the picture of one clip and the sound of another. Files with a forged face rarely
have a forged voice, and recordings of forged voices have no picture; joined, they are examples of
every combination.
"""

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from avfake.clips.archive import Clip, ClipMeta, pack_clip
from avfake.clips.config import ClipConfig
from avfake.clips.preparation.folder import PreparedClip, PreparedFolder, archive_path
from avfake.clips.preparation.prepare import finish, start, status_of
from avfake.datasets import Manifest, Row
from avfake.errors import ConfigError, ManifestError, MediaError
from avfake.media import Waveform
from avfake.parallel import map_into_journal
from avfake.storage import AnyPath, as_path

Content = tuple[ClipMeta, list[np.ndarray] | list[list[bytes]], Waveform | None]
"""Facts, crops of each person (pixels, or stored files) and sound of a clip."""
Task = tuple[Row, Callable[[], Content]]
"""A row, and the function that makes its clip; it is pickled to other processes."""


def make_derived(
    folder: PreparedFolder,
    tasks: Sequence[Task],
    out: str | Path,
    *,
    workers: int | None,
    doing: str,
) -> PreparedFolder:
    """Write the clips of the tasks, made from `folder`; those that were made so before are kept.

    A clip that cannot be made (MediaError) has status failed, with the reason.
    """
    target = as_path(out)
    manifest = Manifest(tuple(row for row, _ in tasks), folder.manifest.dataset)
    journal = start(target, folder.config, manifest)
    # Function and arguments as text: other methods, seeds or sources give another clip.
    made_by = {row.clip_id: re.sub(r" at 0x\w+", "", repr(make)) for row, make in tasks}
    ok = {
        clip_id
        for clip_id, status in journal.done.items()
        if status["status"] != "failed" and status.get("made_by") == made_by.get(clip_id)
    }
    todo = [task for task in tasks if task[0].clip_id not in ok]
    map_into_journal(
        partial(_make_one, folder.config, target),
        todo,
        journal,
        lambda task, result: status_of(task[0], result) | {"made_by": made_by[task[0].clip_id]},
        bar={"total": len(tasks), "unit": "clip", "desc": doing},
        workers=workers,
        threads=1,
    )
    return finish(target, journal, manifest)


def _make_one(config: ClipConfig, folder: AnyPath, task: Task) -> ClipMeta:
    row, make = task
    try:
        meta, crops, waveform = make()
    except MediaError as error:
        return ClipMeta(row.clip_id, config.hash, "failed", (error.reason,))
    meta = replace(meta, clip_id=row.clip_id)
    clip = pack_clip(meta, crops, waveform, jpeg_quality=config.jpeg_quality)
    clip.save(archive_path(folder, row.clip_id))
    return clip.meta


def join_clips(
    pictures: PreparedFolder,
    sounds: PreparedFolder,
    out: str | Path,
    pairs: Sequence[tuple[str, str]] | None = None,
    *,
    seed: int = 0,
    workers: int | None = None,
) -> PreparedFolder:
    """Write a folder of joined clips; a stopped run is resumed.

    A row has the group of its picture and the identity of its sound, so that splits keep both with
    their sources, if both folders are of one dataset and the sounds have identities.

    Args:
        pairs: clip_ids of a clip with a face and one with sound, both with the label of that part;
            ManifestError for others; None = those of `pairs_of_sources`, drawn by the seed
    """
    if pictures.config.hash != sounds.config.hash:
        raise ConfigError(
            f"{pictures.path} and {sounds.path} were prepared with different settings "
            f"({pictures.config.hash} and {sounds.config.hash}) and cannot be joined"
        )
    if pairs is None:
        pairs = pairs_of_sources(pictures, sounds, seed=seed)
    seen = _usable(pictures, {picture for picture, _ in pairs}, "face")
    heard = _usable(sounds, {sound for _, sound in pairs}, "voice")
    found = [(seen[picture], heard[sound]) for picture, sound in pairs]
    tasks: list[Task] = [
        (_row(picture.row, sound.row), partial(_joined, picture.archive, sound.archive))
        for picture, sound in found
    ]
    return make_derived(pictures, tasks, out, workers=workers, doing="join")


def pairs_of_sources(
    pictures: PreparedFolder, sounds: PreparedFolder, *, seed: int
) -> list[tuple[str, str]]:
    """Pair each picture with two or three sounds, each group of pictures with one of sounds.

    With several groups of sounds for a group of pictures, all groups would be connected and none
    could be held out. A group that has both is paired with itself; of the others, those with
    genuine clips are paired first. A genuine picture gets two genuine sounds, a forged one gets
    one, and each gets a forged sound: a file is genuine in one way and forged in three.
    """
    seen, heard = _by_group(pictures, "face"), _by_group(sounds, "voice")
    rng = np.random.default_rng(seed)
    of_both = sorted(seen.keys() & heard.keys())
    others = (_genuine_first(one, one.keys() - set(of_both), rng) for one in (seen, heard))
    matched = [*zip(of_both, of_both, strict=True), *zip(*others, strict=False)]
    pairs = []
    for of_pictures, of_sounds in matched:
        true_sounds, forged_sounds = heard[of_sounds]
        for is_fake, of_class in enumerate(seen[of_pictures]):
            for picture in of_class:
                genuine = rng.permutation(true_sounds)[: 1 if is_fake else 2]
                forged = rng.permutation(forged_sounds)[:1]
                pairs += [(picture, str(sound)) for sound in (*genuine, *forged)]
    return pairs


_Classes = tuple[list[str], list[str]]
"""clip_ids of genuine clips, and of forged ones."""


def _by_group(folder: PreparedFolder, part: str) -> dict[str, _Classes]:
    groups: dict[str, _Classes] = defaultdict(lambda: ([], []))
    for clip in folder.clips:
        if (is_fake := _label(clip, part)) is not None:
            groups[clip.row.group][is_fake].append(clip.row.clip_id)
    return groups


def _label(clip: PreparedClip, part: str) -> bool | None:
    """Whether the part is forged; None where it is not there, or its label is unknown."""
    if part == "face":
        return clip.row.face_fake if clip.has_visual else None
    return clip.row.voice_fake if clip.has_audio else None


def _genuine_first(
    groups: Mapping[str, _Classes], names: Iterable[str], rng: np.random.Generator
) -> list[str]:
    """The names in a drawn order, but groups with nothing genuine after the others."""
    drawn = [str(name) for name in rng.permutation(sorted(names))]
    return sorted(drawn, key=lambda name: not groups[name][0])


def _usable(folder: PreparedFolder, wanted: Collection[str], part: str) -> dict[str, PreparedClip]:
    usable = {one.row.clip_id: one for one in folder.clips if _label(one, part) is not None}
    if lacking := sorted(set(wanted) - set(usable)):
        raise ManifestError(
            f"{len(lacking)} clips of {folder.path} have no {part}, or none with a label: "
            f"{', '.join(lacking[:5])}; leave them out of the pairs"
        )
    return usable


def _row(picture: Row, sound: Row) -> Row:
    methods = [one.method for one in (picture, sound) if one.label and one.method]
    return replace(
        picture,
        clip_id=f"{picture.clip_id}~{PurePosixPath(sound.clip_id).name}",
        label=bool(picture.face_fake or sound.voice_fake),
        voice_fake=sound.voice_fake,
        has_audio=True,
        original=None,
        identity=sound.identity,
        method="+".join(methods) or None,
        segments=(),
    )


def _joined(of_picture: AnyPath, of_sound: AnyPath) -> Content:
    picture, sound = Clip.open(of_picture), Clip.open(of_sound)
    meta = replace(
        picture.meta,
        status="ok",
        reasons=(),
        sound_seconds=sound.meta.sound_seconds,
        speech_spans=sound.meta.speech_spans,
        voice_statistics=sound.meta.voice_statistics,
    )
    return meta, picture.stored_crops(), sound.waveform()
