"""Label words to labels: what is known, what follows from it, and what contradicts itself."""

from dataclasses import dataclass
from typing import Any

from avfake.datasets.rows import Label
from avfake.datasets.values import as_text

WORDS: dict[str | None, Label] = {
    "REAL": False,
    "FAKE": True,
    "false": False,
    "true": True,
    "unknown": None,
    None: None,
}
ABSENT = "absent"
"""The stream that the label is about does not exist."""


class LabelError(ValueError):
    """The words contradict themselves or are none; the caller adds the row."""


@dataclass(frozen=True, slots=True)
class FileLabels:
    """The labels of one file, as a `Row` has them."""

    label: Label
    face_fake: Label
    voice_fake: Label
    has_video: bool
    has_audio: bool | None


def label_of(field: str, value: Any) -> Label:
    """The label that a word stands for. Raises LabelError."""
    text = as_text(value)
    if text not in WORDS:
        words = "REAL, FAKE" if field == "label" else "true, false"
        gone = "" if field == "label" else ", absent"
        raise LabelError(f"{field} is {text!r}; allowed: {words}, unknown{gone}")
    return WORDS[text]


def settle_labels(values: dict[str, Any], *, kind: str) -> FileLabels:
    """The labels of a file, with what follows from those given.

    A genuine file has no forged part; a file with a forged part is a fake; where only one stream
    exists, the label is that stream's. `kind`: video, audio or picture. Raises LabelError.
    """
    has_video = kind != "audio" and values.get("face_fake") != ABSENT
    has_video = has_video and label_of("has_video", values.get("has_video")) is not False
    has_audio = label_of("has_audio", values.get("has_audio"))
    if values.get("voice_fake") == ABSENT or kind == "picture":
        has_audio = False
    elif kind == "audio":
        has_audio = True
    if not has_video and has_audio is False:
        raise LabelError("has neither picture nor sound, so there is nothing to label")
    face = label_of("face_fake", values.get("face_fake")) if has_video else None
    voice = None if has_audio is False else label_of("voice_fake", values.get("voice_fake"))
    parts = {"face_fake": (has_video, face), "voice_fake": (has_audio is not False, voice)}
    label = _overall(label_of("label", values.get("label")), parts)
    face, voice = _parts(label, parts, is_alone=not has_video or has_audio is False)
    return FileLabels(label, face, voice, has_video, has_audio)


def _overall(label: Label, parts: dict[str, tuple[bool, Label]]) -> Label:
    there = [value for exists, value in parts.values() if exists]
    forged = [name for name, (_, value) in parts.items() if value]
    if forged:
        if label is False:
            raise LabelError(f"label is REAL, but {' and '.join(forged)} is true")
        return True
    if all(value is False for value in there):
        if label:
            raise LabelError("label is FAKE, but no part of it is: face_fake, voice_fake are false")
        return False
    return label


def _parts(
    label: Label, parts: dict[str, tuple[bool, Label]], *, is_alone: bool
) -> tuple[Label, Label]:
    """(face, voice) with what the label of the whole says of them."""
    says = label if label is False or is_alone else None
    face, voice = (
        (says if value is None else value) if exists else None for exists, value in parts.values()
    )
    return face, voice
