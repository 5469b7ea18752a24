"""What a page about one file rests on: the verdict, what weighed most, the hash of the file."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from avfake.clips import Clip
from avfake.detector import Detector, EnsembleDetector, Switches, torch_defaults
from avfake.errors import MediaError
from avfake.media import local_file
from avfake.report.explain.explaining import explain_clip
from avfake.report.explain.types import Explanation
from avfake.verdict import Verdict

READ_BYTES = 1 << 20


@dataclass(frozen=True)
class Evidence:
    """All that a page shows."""

    verdict: Verdict
    explanation: Explanation | None
    """None where nothing could be looked at."""
    sha256: str
    """Of the file; empty where it could not be read."""
    faces_by: str = ""
    """Of several detectors, the one whose view of the faces is shown."""
    voice_by: str = ""
    """Likewise of the sound."""


def collect_evidence(
    path: str | Path, detector: Detector, switches: Switches | None = None
) -> Evidence:
    """The verdict on a file and what weighed most. Of several detectors, the first that judges
    faces explains those, and the first that judges the voice explains that."""
    switches = switches or Switches()
    detector.check(switches)
    sha256 = _sha256(path)
    if isinstance(detector, EnsembleDetector):
        shown, faces_by, voice_by = _explain_in_turn(path, detector.members, switches)
        return Evidence(detector.predict(path, switches), shown, sha256, faces_by, voice_by)
    try:
        clip = detector.cut_clip(path)
    except MediaError:
        return Evidence(detector.predict(path, switches), None, sha256)
    verdict = detector.predict_clip(clip, switches, file=str(path))
    return Evidence(verdict, _explain(detector, clip, switches), sha256)


def _explain_in_turn(
    path: str | Path, members: Sequence[Detector], switches: Switches
) -> tuple[Explanation | None, str, str]:
    """An explanation, and who gave its faces and its voice."""
    shown: Explanation | None = None
    faces_by = voice_by = ""
    clips: dict[str, Clip] = {}
    for member in members:
        if faces_by and voice_by:
            break
        way = member.bundle.spec.clip.hash
        try:
            clip = clips[way] = clips.get(way) or member.cut_clip(path)
        except MediaError:
            continue  # the verdict has the reason
        found = _explain(member, clip, switches, faces=not faces_by, voice=not voice_by)
        faces_by = member.name if found.faces else faces_by
        voice_by = member.name if found.voice else voice_by
        before = shown or Explanation(clip.meta.clip_id)
        shown = Explanation(
            before.clip_id, found.faces or before.faces, found.voice or before.voice
        )
    return shown, faces_by, voice_by


@torch_defaults()
def _explain(
    detector: Detector, clip: Clip, switches: Switches, *, faces: bool = True, voice: bool = True
) -> Explanation:
    bundle = detector.bundle
    untrained = bundle.decision_model.not_trained  # whose scores are noise, not evidence
    sampling = bundle.spec.whole(
        use_visual=faces and switches.use_visual and "face" not in untrained,
        use_audio=voice and switches.use_audio and "voice" not in untrained,
    )
    return explain_clip(bundle.models, clip, sampling)


def _sha256(path: str | Path) -> str:
    digest = hashlib.sha256()
    try:
        with local_file(path) as file, file.open("rb") as stream:
            while block := stream.read(READ_BYTES):
                digest.update(block)
    except (MediaError, OSError):
        return ""  # the verdict names the reason
    return digest.hexdigest()
