"""The content of a page about one file: the verdict, its evidence, the hash of the file."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from avfake.clips import Clip
from avfake.detector import Bundle, Detector, PredictOptions, torch_defaults
from avfake.errors import MediaError
from avfake.media import local_file
from avfake.report.explaining import FaceEvidence, VoiceEvidence, explain_clip
from avfake.verdict import Verdict


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
    faces: tuple[FaceEvidence, ...] = ()
    voice: tuple[VoiceEvidence, ...] = ()
    faces_by = voice_by = ""
    clips: dict[str, Clip] = {}
    for member in detector.members:
        if faces and voice:
            break
        way = member.spec.clip.hash
        tell("finding faces and speech")
        try:
            clip = clips[way] = clips.get(way) or member.cut_clip(path)
        except MediaError:
            continue  # the verdict has the reason
        tell("finding the moments with most weight")
        found = _explain(member, clip, options, faces=not faces, voice=not voice)
        if found[0]:
            faces, faces_by = found[0], member.name
        if found[1]:
            voice, voice_by = found[1], member.name
    if len(detector.members) == 1:
        faces_by = voice_by = ""
    tell("computing the probabilities")
    if len(clips) == len({member.spec.clip.hash for member in detector.members}) == 1:
        [clip] = clips.values()  # one way of preparing: the file is not decoded again
        verdict = detector.predict_clip(clip, options, file=str(path))
    else:
        verdict = detector.predict(path, options)
    return Evidence(verdict, faces, voice, _sha256(path), faces_by, voice_by)


@torch_defaults()
def _explain(
    member: Bundle, clip: Clip, options: PredictOptions, *, faces: bool, voice: bool
) -> tuple[tuple[FaceEvidence, ...], tuple[VoiceEvidence, ...]]:
    untrained = member.decision_model.not_trained  # whose scores are noise, not evidence
    sampling = member.spec.whole(
        use_visual=faces and options.use_visual and "face" not in untrained,
        use_audio=voice and options.use_audio and "voice" not in untrained,
    )
    return explain_clip(member.models, clip, sampling)


def _sha256(path: str | Path) -> str:
    try:
        with local_file(path) as file, file.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except (MediaError, OSError):
        return ""  # the verdict names the reason
