"""Which fakes: a detector's number depends on what was forged, so it is told for each kind."""

import pandas as pd

GENUINE = "genuine"
KINDS = ("face only", "voice only", "both", "fake (part unknown)")


def forgery_kind(
    face_fake: bool | None,
    voice_fake: bool | None,
    label: bool | None,
    *,
    has_video: bool = True,
    has_audio: bool = True,
) -> str | None:
    """One of `KINDS`, or "genuine", or None where nothing is known.

    A stream that is absent cannot be the forged one.
    """
    face = face_fake if has_video else False
    voice = voice_fake if has_audio else False
    if face and voice:
        return "both"
    if face and voice is False:
        return "face only"
    if voice and face is False:
        return "voice only"
    if label or face or voice:
        return "fake (part unknown)"
    if label is False or (face is False and voice is False and label is None):
        return GENUINE
    return None


def add_kind(scores: pd.DataFrame) -> pd.DataFrame:
    """The table with a column "kind"; empty label cells are unknown."""
    streams = [
        scores[name] if name in scores else pd.Series(True, index=scores.index)
        for name in ("has_video", "has_audio")
    ]
    columns = [scores["face_fake"], scores["voice_fake"], scores["label"], *streams]
    kinds = [
        forgery_kind(
            _known(face),
            _known(voice),
            _known(label),
            has_video=_known(video) is not False,
            has_audio=_known(audio) is not False,
        )
        for face, voice, label, video, audio in zip(*columns, strict=True)
    ]
    return scores.assign(kind=pd.Series(kinds, index=scores.index, dtype=object))


def kind_against_genuine(kinds: pd.Series, kind: str) -> pd.Series:
    """bool [N]: the rows of one kind, and all genuine ones, against which it is measured."""
    return (kinds == kind) | (kinds == GENUINE)


def _known(value: object) -> bool | None:
    return None if pd.isna(value) else bool(value)  # type: ignore[call-overload]
