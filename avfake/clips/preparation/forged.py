"""A folder of forgeries of genuine prepared clips: training data that needs no fakes.

Each clip is forged by methods of `avfake.forgery` and packed like any clip. The genuine clip is
packed again as well, or only forgeries would be JPEG made from JPEG.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from avfake.clips.archive import Clip, pack_clip
from avfake.clips.config import ClipConfig
from avfake.clips.preparation.derived import Derived, make_derived
from avfake.clips.preparation.folder import PreparedClip, PreparedFolder, archive_path
from avfake.clips.voice_statistics import voice_statistics
from avfake.config import nearest
from avfake.datasets import Row
from avfake.errors import ConfigError, ManifestError
from avfake.faces import landmarks_in_crops
from avfake.forgery import FACE_METHODS, VOICE_METHODS, forge_face, forge_voice
from avfake.storage import AnyPath, as_path

KINDS = ("face", "voice", "both")


@dataclass(frozen=True)
class ForgeryConfig:
    """Which forgeries are made of each genuine clip."""

    variants: int = 1
    """Forgeries of each kind that the clip has streams for: face, voice, both."""
    face_methods: tuple[str, ...] = tuple(FACE_METHODS)
    voice_methods: tuple[str, ...] = tuple(VOICE_METHODS)
    seed: int = 0

    def __post_init__(self) -> None:
        if self.variants < 1:
            raise ConfigError(f"variants is {self.variants}; it must be 1 or more")
        for key, known in (("face_methods", FACE_METHODS), ("voice_methods", VOICE_METHODS)):
            names = getattr(self, key)
            if not names:
                raise ConfigError(f"{key} is empty; name some of {', '.join(known)}")
            for name in names:
                if name not in known:
                    raise ConfigError(
                        f"{key} does not know {name!r}{nearest(name, known)}; "
                        f"allowed: {', '.join(known)}"
                    )


@dataclass(frozen=True)
class _Forgery(Derived):
    """A clip that is to be forged, or only packed again."""

    source: AnyPath
    face_method: str | None
    voice_method: str | None
    seed: tuple[int, ...]


def forge_clips(
    folder: PreparedFolder,
    out: str | Path,
    config: ForgeryConfig | None = None,
    *,
    clip_ids: Collection[str] | None = None,
    workers: int | None = None,
) -> PreparedFolder:
    """Write a folder of forgeries of every clip of `folder` that is known to be genuine.

    Labels are exact, originals and groups those of the genuine clips, so that the folder can be
    split and joined like any other. A stopped run is resumed; a clip that cannot be forged has
    status failed, with the reason. ManifestError without any genuine clip.

    clip_ids: only these clips; None = all
    """
    target, config = as_path(out), config or ForgeryConfig()
    genuine = [
        clip
        for clip in folder.clips
        if clip.row.label is False and (clip_ids is None or clip.row.clip_id in clip_ids)
    ]
    if not genuine:
        raise ManifestError(f"{folder.path} holds no genuine clip to forge")
    tasks = [
        task
        for number, clip in enumerate(genuine)
        for task in _tasks_of(clip, target, config, number=number)
    ]
    return make_derived(
        folder.manifest.dataset,
        tasks,
        partial(_forged, folder.config),
        target,
        folder.config,
        workers=workers,
        doing="forge",
    )


def _tasks_of(
    clip: PreparedClip, out: AnyPath, config: ForgeryConfig, *, number: int
) -> Sequence[_Forgery]:
    kinds = [
        k for k in KINDS if (clip.has_visual or k == "voice") and (clip.has_audio or k == "face")
    ]
    names = ["genuine"] + [f"{kind}{v}" for v in range(config.variants) for kind in kinds]
    tasks = []
    for index, name in enumerate(names):
        rng = np.random.default_rng([config.seed, number, index])
        face = str(rng.choice(config.face_methods)) if name.startswith(("face", "both")) else None
        voice = (
            str(rng.choice(config.voice_methods)) if name.startswith(("voice", "both")) else None
        )
        row = _row(clip, name, face=face, voice=voice)
        archive = archive_path(out, row.clip_id)
        tasks.append(
            _Forgery(row, archive, clip.archive, face, voice, (config.seed, number, index, 1))
        )
    return tasks


def _row(clip: PreparedClip, name: str, *, face: str | None, voice: str | None) -> Row:
    row = clip.row
    forged = bool(face or voice)
    return replace(
        row,
        clip_id=f"{row.clip_id}~{name}",
        label=forged,
        face_fake=face is not None if clip.has_visual else None,
        voice_fake=voice is not None if clip.has_audio else None,
        original=f"{row.clip_id}~genuine" if forged else None,
        group=row.group or row.clip_id,
        method="+".join(filter(None, (face, voice))) or None,
    )


def _forged(config: ClipConfig, task: _Forgery) -> Clip:
    clip = Clip.open(task.source)
    meta, rng = clip.meta, np.random.default_rng(task.seed)
    crops = clip.crops()
    if task.face_method:
        for number, person in enumerate(meta.persons):
            points = landmarks_in_crops(person.as_track(), config.crop)
            forged = forge_face(crops[number], points, rng=rng, methods=[task.face_method])
            crops[number] = forged.pixels
    waveform = clip.waveform()
    if waveform is not None and task.voice_method:
        waveform = forge_voice(waveform, rng=rng, methods=[task.voice_method])
    statistics = {} if waveform is None else voice_statistics(waveform)
    meta = replace(meta, clip_id=task.row.clip_id, voice_statistics=statistics)
    return pack_clip(meta, crops, waveform, jpeg_quality=config.jpeg_quality)
