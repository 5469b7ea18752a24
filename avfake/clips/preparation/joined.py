"""Clips with the picture of one prepared clip and the sound of another, genuine or forged.

Files with a forged face rarely have a forged voice, and recordings of forged voices have no
picture. Joined, they are examples of every combination.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path, PurePosixPath

import numpy as np

from avfake.clips.archive import Clip, pack_clip
from avfake.clips.config import ClipConfig
from avfake.clips.preparation.derived import Derived, make_derived
from avfake.clips.preparation.folder import PreparedClip, PreparedFolder, archive_path
from avfake.datasets import Row
from avfake.errors import ConfigError, ManifestError
from avfake.storage import AnyPath, as_path


@dataclass(frozen=True)
class _Join(Derived):
    picture: AnyPath
    sound: AnyPath


def join_clips(
    pictures: PreparedFolder,
    sounds: PreparedFolder,
    out: str | Path,
    pairs: Sequence[tuple[str, str]],
    *,
    workers: int | None = None,
) -> PreparedFolder:
    """Write a folder of joined clips; a stopped run is resumed.

    A row has the group of its picture and the identity of its sound, so that splits keep both with
    their sources, if both folders are of one dataset and the sounds have identities.

    Args:
        pairs: clip_ids of a clip with a face and one with sound, both with the label of that part;
            ManifestError for others
    """
    if pictures.config.hash != sounds.config.hash:
        raise ConfigError(
            f"{pictures.path} and {sounds.path} were prepared with different settings "
            f"({pictures.config.hash} and {sounds.config.hash}) and cannot be joined"
        )
    seen = _usable(pictures, {picture for picture, _ in pairs}, "face")
    heard = _usable(sounds, {sound for _, sound in pairs}, "voice")
    target = as_path(out)
    tasks = []
    for picture, sound in pairs:
        row = _row(seen[picture].row, heard[sound].row)
        archive = archive_path(target, row.clip_id)
        tasks.append(_Join(row, archive, seen[picture].archive, heard[sound].archive))
    return make_derived(
        pictures.manifest.dataset,
        tasks,
        partial(_joined, pictures.config),
        target,
        pictures.config,
        workers=workers,
        doing="join",
    )


def pairs_of_sources(
    pictures: PreparedFolder, sounds: PreparedFolder, *, seed: int, sounds_each: int = 1
) -> list[tuple[str, str]]:
    """Pair each picture with some sounds; each group of pictures with only one group of sounds.

    With several groups of sounds for a group of pictures, all groups would be connected and none
    could be held out. A group that has both is paired with itself; of the others, those with
    genuine clips are paired first. About half of the pairs are genuine, as far as the groups allow:
    a file is genuine in one way and forged in three.

    sounds_each: forged sounds for each picture, and genuine sounds for a forged one; genuine
        pictures get twice as many genuine sounds
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
            num_true = sounds_each if is_fake else 2 * sounds_each
            for picture in of_class:
                drawn = [
                    *rng.permutation(true_sounds)[:num_true],
                    *rng.permutation(forged_sounds)[:sounds_each],
                ]
                pairs += [(picture, str(sound)) for sound in drawn]
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


def _joined(config: ClipConfig, task: _Join) -> Clip:
    picture, sound = Clip.open(task.picture), Clip.open(task.sound)
    meta = replace(
        picture.meta,
        clip_id=task.row.clip_id,
        status="ok",
        reasons=(),
        sound_seconds=sound.meta.sound_seconds,
        speech_spans=sound.meta.speech_spans,
        voice_statistics=sound.meta.voice_statistics,
    )
    return pack_clip(meta, picture.crops(), sound.waveform(), jpeg_quality=config.jpeg_quality)
