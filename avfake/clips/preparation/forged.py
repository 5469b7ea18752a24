"""A folder of forgeries of genuine prepared clips: training data that needs no fakes.

Each clip is forged by methods of `avfake.forgery` and packed like any clip. The genuine clip is
packed again as well, or only forgeries would be JPEG made from JPEG.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from avfake.clips.archive import Clip
from avfake.clips.preparation.derived import Content, Task, make_derived
from avfake.clips.preparation.folder import PreparedClip, PreparedFolder
from avfake.clips.voice_statistics import voice_statistics
from avfake.datasets import Row
from avfake.errors import ConfigError, ManifestError, check_choice, check_ranges
from avfake.faces import CropConfig
from avfake.forgery import FACE_METHODS, VOICE_METHODS, forge_face, forge_voice
from avfake.storage import AnyPath

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
        check_ranges(self, "forgery", variants="[1, inf)")
        for key, known in (("face_methods", FACE_METHODS), ("voice_methods", VOICE_METHODS)):
            names = getattr(self, key)
            if not names:
                raise ConfigError(f"{key} is empty; name some of {', '.join(known)}")
            for name in names:
                check_choice(f"a name in {key}", name, known)

    def forge(
        self,
        folder: PreparedFolder,
        out: str | Path,
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
            for task in _tasks_of(clip, folder.config.crop, self, number=number)
        ]
        return make_derived(folder, tasks, out, workers=workers, doing="forge")


def _tasks_of(
    clip: PreparedClip, crop: CropConfig, config: ForgeryConfig, *, number: int
) -> list[Task]:
    kinds = [
        k for k in KINDS if (clip.has_visual or k == "voice") and (clip.has_audio or k == "face")
    ]
    names = ["genuine"] + [f"{kind}{v}" for v in range(config.variants) for kind in kinds]
    tasks: list[Task] = []
    for index, name in enumerate(names):
        seed = [config.seed, number, index]
        rng = np.random.default_rng(seed)
        face, voice = (
            str(rng.choice(methods)) if name.startswith((kind, "both")) else None
            for kind, methods in (("face", config.face_methods), ("voice", config.voice_methods))
        )
        make = partial(_forged, clip.archive, crop, face, voice, seed=[*seed, 1])
        tasks.append((_row(clip, name, face=face, voice=voice), make))
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


def _forged(
    archive: AnyPath, crop: CropConfig, face: str | None, voice: str | None, *, seed: list[int]
) -> Content:
    clip, rng = Clip.open(archive), np.random.default_rng(seed)
    crops, waveform = clip.crops(), clip.waveform()
    if face:
        for number, person in enumerate(clip.meta.persons):
            points = person.as_track().landmarks_in_crops(crop)
            crops[number] = forge_face(crops[number], points, rng=rng, methods=[face]).pixels
    if waveform is not None and voice:
        waveform = forge_voice(waveform, rng=rng, methods=[voice])
    statistics = {} if waveform is None else voice_statistics(waveform)
    return replace(clip.meta, voice_statistics=statistics), crops, waveform
