"""One HTML page about one file: no network, no script, everything that was given escaped."""

import hashlib
import platform
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from avfake import __version__
from avfake.clips import SampleConfig
from avfake.detector import Detector, EnsembleDetector, Switches
from avfake.errors import MediaError
from avfake.explain import Explanation, explain_clip
from avfake.files import write_whole
from avfake.media import local_file
from avfake.report import pictures
from avfake.report.contributions import answers
from avfake.report.timelines import HEIGHT, WIDTH, timelines
from avfake.verdict import Verdict

LIBRARIES = ("torch", "timm", "av", "lightgbm", "captum")
READ_BYTES = 1 << 20


@dataclass(frozen=True)
class Evidence:
    """All that a page shows."""

    verdict: Verdict
    explanation: Explanation | None
    """None where nothing could be looked at."""
    sha256: str
    """Of the file; empty where it could not be read."""
    remark: str = ""
    """What the reader must know of the explanation."""


def write_report(
    path: str | Path, detector: Detector, out: Path, switches: Switches | None = None
) -> Verdict:
    """The verdict on a file, written as a page to `out`; also for a file that cannot be read."""
    evidence = collect_evidence(path, detector, switches)
    # A file name need not be text: what is none is shown by its codes.
    write_whole(out, render_page(evidence).encode(errors="backslashreplace"))
    return evidence.verdict


def collect_evidence(
    path: str | Path, detector: Detector, switches: Switches | None = None
) -> Evidence:
    """The verdict on a file and what weighed most. Of an ensemble the first member explains."""
    switches = switches or Switches()
    sha256 = _sha256(path)
    first, remark = detector, ""
    if isinstance(detector, EnsembleDetector):
        first = detector.members[0]
        remark = f"The pictures show what the first of {len(detector.members)} detectors saw."
    try:
        clip = first.cut_clip(path)
    except MediaError:
        return Evidence(detector.predict(path, switches), None, sha256)
    if first is detector:
        verdict = detector.predict_clip(clip, switches, file=str(path))
    else:
        verdict = detector.predict(path, switches)
    bundle = first.bundle
    sampling = SampleConfig(
        window_seconds=bundle.window_seconds,
        use_visual=switches.use_visual,
        # Scores of an untrained branch are noise, not evidence.
        use_audio=switches.use_audio and "voice" not in bundle.judge.not_trained,
        crop=bundle.clip_config.crop,
    )
    return Evidence(verdict, explain_clip(bundle.models, clip, sampling), sha256, remark)


def render_page(evidence: Evidence) -> str:
    """The page as text."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("avfake.report", "."),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    verdict = evidence.verdict
    rows, seconds = timelines(verdict)
    return environment.get_template("page.html").render(
        verdict=verdict,
        sentence=sentence(verdict),
        probabilities=[
            ("Anything forged", in_words(verdict.p_fake)),
            ("Face forged", in_words(verdict.p_face_fake)),
            ("Voice forged", in_words(verdict.p_voice_fake)),
        ],
        answers=answers(verdict),
        rows=rows,
        seconds=seconds,
        width=WIDTH,
        height=HEIGHT,
        crops=_crops(evidence.explanation),
        windows=_windows(evidence.explanation),
        evidence=evidence,
        versions=_versions(),
    )


def sentence(verdict: Verdict) -> str:
    """The verdict in one sentence."""
    if verdict.p_fake is None:
        return "This file could not be assessed."
    said = f"the probability that its face or voice was forged is {verdict.p_fake:.1%}"
    opening = {
        "fake": "This file is taken to be forged",
        "real": "This file is taken to be genuine",
        "unsure": "The detector cannot tell whether this file is forged",
    }[verdict.decision]
    return f"{opening}: {said}."


def in_words(p_fake: float | None) -> str:
    """A probability and what it means."""
    if p_fake is None:
        return "not assessed"
    levels = [(0.05, "very unlikely"), (0.35, "unlikely"), (0.65, "open"), (0.95, "likely")]
    word = next((word for limit, word in levels if p_fake < limit), "very likely")
    return f"{p_fake:.1%}, {word}"


def _crops(explanation: Explanation | None) -> list[dict[str, str]]:
    faces = explanation.faces if explanation else ()
    strongest = max((float(face.heat.max()) for face in faces), default=0.0)
    return [
        {
            "plain": pictures.crop_uri(face.crop),
            "heat": pictures.heat_uri(face.crop, face.heat, strongest=strongest),
            "words": f"Person {face.person_id} at {face.seconds:.2f} s: score {face.score:.0%}, "
            f"{face.share:.0%} of the attention",
        }
        for face in faces
    ]


def _windows(explanation: Explanation | None) -> list[dict[str, str]]:
    voice = explanation.voice if explanation else ()
    strongest = max((float(abs(window.saliency).max()) for window in voice), default=0.0)
    return [
        {
            "picture": pictures.spectrogram_uri(
                window.spectrogram, window.saliency, strongest=strongest
            ),
            "words": f"{window.start_seconds:.2f} to {window.end_seconds:.2f} s: score "
            f"{window.score:.0%}, {window.share:.0%} of the attention",
        }
        for window in voice
    ]


def _sha256(path: str | Path) -> str:
    digest = hashlib.sha256()
    try:
        with local_file(path) as file, file.open("rb") as stream:
            while block := stream.read(READ_BYTES):
                digest.update(block)
    except (MediaError, OSError):
        return ""  # the verdict names the reason
    return digest.hexdigest()


def _versions() -> str:
    found = [f"avfake {__version__}", f"Python {platform.python_version()}"]
    return ", ".join(found + [f"{name} {metadata.version(name)}" for name in LIBRARIES])
