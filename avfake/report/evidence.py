"""The content of a page about one file: the verdict, its evidence, the hash of the file."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from torch import Tensor

from avfake.clips import Clip
from avfake.detector import Bundle, Detector, PredictOptions, torch_defaults
from avfake.errors import MediaError
from avfake.labels import Modality
from avfake.limits import limited
from avfake.media import local_file
from avfake.report.container import ContainerFacts, container_facts
from avfake.report.excerpt import CardExcerpt, read_excerpt
from avfake.report.explaining import FaceEvidence, VoiceEvidence, explain_clip
from avfake.report.preview import Preview, make_preview
from avfake.verdict import Verdict


@dataclass(frozen=True)
class Examined:
    """How much of a file an answer rests on; None or 0 where it could not be looked at."""

    seconds: float | None = None
    """Length of the file."""
    width: int | None = None
    """Width of the displayed frame, in px."""
    height: int | None = None
    fps: float | None = None
    num_frames: int | None = None
    """Frames of the whole video, by its rate and length."""
    frames_sampled: int = 0
    frames_with_face: int = 0
    persons: int = 0
    face_px: float | None = None
    """Median side of the face boxes, in px of the displayed frame."""
    speech_seconds: float = 0.0
    """Speech that was assessed, without pauses."""

    @classmethod
    def of(cls, clip: Clip) -> "Examined":
        """Return the facts about a clip and the file that it was cut from."""
        meta, media = clip.meta, clip.meta.media
        boxes = np.array([box for person in meta.persons for box in person.boxes]).reshape(-1, 4)
        sides = (boxes[:, 2:] - boxes[:, :2]).max(axis=1, initial=0.0)
        seconds, fps = media.get("duration_seconds"), media.get("fps")
        is_video = bool(media.get("has_video"))
        return cls(
            seconds=seconds,
            width=media.get("width"),
            height=media.get("height"),
            fps=fps,
            num_frames=max(1, round(seconds * fps)) if is_video and seconds and fps else None,
            frames_sampled=len(meta.frame_seconds),
            frames_with_face=len({i for one in meta.persons for i in one.frame_indices}),
            persons=len(meta.persons),
            face_px=float(np.median(sides)) if len(sides) else None,
            speech_seconds=sum(end - start for start, end in meta.speech_spans),
        )


@dataclass(frozen=True)
class Evidence:
    """All that a page shows."""

    verdict: Verdict
    faces: tuple[FaceEvidence, ...] = ()
    """The crops with most weight, the strongest first; empty where none could be assessed."""
    voice: tuple[VoiceEvidence, ...] = ()
    """The windows of sound, likewise."""
    sha256: str = ""
    """SHA-256 of the file; empty where it could not be read."""
    faces_by: str = ""
    """Name of the member that explains the faces."""
    voice_by: str = ""
    """Name of the member that explains the sound."""
    examined: Examined = field(default_factory=Examined)
    container: ContainerFacts = field(default_factory=ContainerFacts)
    card: CardExcerpt = field(default_factory=CardExcerpt)
    preview: Preview | None = None
    """The file in small; None where there is none to show."""


def say_nothing(_: str) -> None:
    """Take the words of a step, for callers that do not show them."""


def collect_evidence(
    path: str | Path,
    detector: Detector,
    options: PredictOptions | None = None,
    tell: Callable[[str], None] = say_nothing,
) -> Evidence:
    """Return the verdict on a file and what weighed most.

    Of several members, the first that assesses faces explains those, and the first that assesses
    the voice explains that.

    tell: is called with the words of each step
    """
    options = options or PredictOptions()
    detector.check(options)
    with limited(options.limits):
        return _collected(path, detector, options, tell)


def _collected(
    path: str | Path, detector: Detector, options: PredictOptions, tell: Callable[[str], None]
) -> Evidence:
    tell("finding faces and speech")
    clips = _clips(path, detector.members)
    tell("finding the moments with most weight")
    faces: tuple[FaceEvidence, ...] = ()
    voice: tuple[VoiceEvidence, ...] = ()
    faces_by = voice_by = ""
    features: dict[str, Mapping[str, Tensor]] = {}
    for member in detector.members:
        clip = clips.get(member.spec.clip.hash)
        if clip is None or (faces and voice):
            continue
        known = features[member.name] = member.features(clip, options)
        found = _explain(member, clip, options, known, faces=not faces, voice=not voice)
        if found[0]:
            faces, faces_by = found[0], member.name
        if found[1]:
            voice, voice_by = found[1], member.name
    if len(detector.members) == 1:
        faces_by = voice_by = ""
    tell("computing the probabilities")
    if len(clips) == len({member.spec.clip.hash for member in detector.members}) == 1:
        [clip] = clips.values()  # one way of preparing: the file is not decoded again
        verdict = detector.predict_clip(clip, options, file=str(path), features=features)
    else:
        verdict = detector.predict(path, options)
    tell("drawing the preview")
    return Evidence(
        verdict,
        faces,
        voice,
        _sha256(path),
        faces_by,
        voice_by,
        examined=next(map(Examined.of, clips.values()), Examined()),
        container=container_facts(path),
        card=read_excerpt(detector, _modality(verdict)),
        preview=make_preview(path, verdict),
    )


def _clips(path: str | Path, members: Sequence[Bundle]) -> Mapping[str, Clip]:
    """Return the hash of each way of preparing -> the clip, where the file can be read."""
    clips: dict[str, Clip] = {}
    for member in members:
        way = member.spec.clip.hash
        try:
            clips[way] = clips.get(way) or member.cut_clip(path)
        except MediaError:
            break  # the verdict has the reason, and every other way would meet it too
    return clips


@torch_defaults()
def _explain(
    member: Bundle,
    clip: Clip,
    options: PredictOptions,
    features: Mapping[str, Tensor],
    *,
    faces: bool,
    voice: bool,
) -> tuple[tuple[FaceEvidence, ...], tuple[VoiceEvidence, ...]]:
    untrained = member.decision_model.not_trained  # whose scores are noise, not evidence
    sampling = member.spec.whole(
        use_visual=faces and options.use_visual and "face" not in untrained,
        use_audio=voice and options.use_audio and "voice" not in untrained,
    )
    return explain_clip(member.models, clip, sampling, features=features)


def _modality(verdict: Verdict) -> Modality:
    """Return what of the file was assessed; "whole" where nothing was."""
    has_face, has_voice = verdict.p_face_fake is not None, verdict.p_voice_fake is not None
    if has_face == has_voice:
        return "whole"
    return "picture" if has_face else "sound"


def _sha256(path: str | Path) -> str:
    try:
        with local_file(path) as file, file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except (MediaError, OSError):
        return ""  # the verdict names the reason
