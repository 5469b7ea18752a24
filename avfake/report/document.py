"""The content of a report as plain data, for programs: report.schema.json describes it."""

import json
import platform
from collections.abc import Mapping
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from avfake import __version__
from avfake.report.evidence import Evidence
from avfake.report.limits import limits
from avfake.report.wording import SpokenSegment, quote, sentence, spoken_segments

FORMAT = "avfake report 1"
"""Name and version of the format; the number grows when a reader would have to change."""
SCHEMA = Path(__file__).with_name("report.schema.json")
LIBRARIES = ("torch", "timm", "av", "lightgbm", "captum")


def document(evidence: Evidence) -> dict[str, Any]:
    """Return the report as data of JSON, without pictures; it fits `SCHEMA`."""
    verdict, card = evidence.verdict, evidence.card
    return {
        "format": FORMAT,
        "sentence": sentence(verdict),
        "quote": quote(verdict, card, file_name(verdict.file)),
        "verdict": json.loads(verdict.to_json()),
        "segments": list(map(_segment, spoken_segments(verdict))),
        "limits": [*(reason.sentence for reason in verdict.reasons), *limits(evidence)],
        "faces": [
            {
                "person_id": face.person_id,
                "seconds": face.seconds,
                "score": face.score,
                "share": face.share,
            }
            for face in evidence.faces
        ],
        "voice": [
            {
                "start_seconds": one.start_seconds,
                "end_seconds": one.end_seconds,
                "score": one.score,
                "share": one.share,
            }
            for one in evidence.voice
        ],
        "examined": asdict(evidence.examined),
        "context": {
            "sha256": evidence.sha256 or None,
            "stated": dict(evidence.container.stated),
            "c2pa_manifest": evidence.container.manifest,
        },
        "detector": {
            "name": verdict.detector,
            "card": card.summary or None,
            "tested_on": card.tested_on or None,
            "rates": asdict(card.rates) if card.rates else None,
        },
        "versions": versions(),
    }


def _segment(one: SpokenSegment) -> dict[str, Any]:
    return {
        "part": one.part,
        "person_id": one.person_id,
        "start_seconds": one.segment.start_seconds,
        "end_seconds": one.segment.end_seconds,
        "score": one.segment.score,
        "is_forged": one.is_forged,
        "words": one.words,
    }


def to_json(evidence: Evidence) -> str:
    """Return the report as a JSON text."""
    return json.dumps(document(evidence), indent=1)


def file_name(file: str) -> str:
    """Return the last part of a path or URL, as it is shown; the whole where there is none."""
    return file.rstrip("/\\").rpartition("/")[2] or file


def versions() -> Mapping[str, str]:
    """Return the program, the language and the libraries behind an answer -> their versions."""
    found = {"avfake": __version__, "Python": platform.python_version()}
    return found | {name: metadata.version(name) for name in LIBRARIES}
