"""Which fakes: a detector's number depends on what was forged, so it is told for each kind."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

KINDS = ("face only", "voice only", "both", "fake (part unknown)")
_FACTS = ["face_fake", "voice_fake", "label", "has_face", "has_voice"]


def forgery_kind(
    face_fake: bool | None,
    voice_fake: bool | None,
    label: bool | None,
    has_face: bool | None = None,
    has_voice: bool | None = None,
) -> str | None:
    """One of `KINDS`, or "genuine", or None where nothing is known.

    A face or a voice without a label that is known to be absent cannot be the forged one. A label
    counts where the part could not be assessed, too: a forged voice in which no speech was found.
    """
    face = False if face_fake is None and has_face is False else face_fake
    voice = False if voice_fake is None and has_voice is False else voice_fake
    if face and voice:
        return "both"
    if face and voice is False:
        return "face only"
    if voice and face is False:
        return "voice only"
    if label or face or voice:
        return "fake (part unknown)"
    if label is False or (face is False and voice is False and label is None):
        return "genuine"
    return None


def add_kind(scores: pd.DataFrame) -> pd.DataFrame:
    """The table with a column "kind"; empty label cells are unknown."""
    kinds = [
        forgery_kind(*(None if pd.isna(fact) else bool(fact) for fact in facts))
        for facts in scores.reindex(columns=_FACTS).itertuples(index=False)
    ]
    return scores.assign(kind=pd.Series(kinds, index=scores.index, dtype=object))


def fakes_by(
    column: str, scores: pd.DataFrame, label: str = "label"
) -> Iterator[tuple[str, pd.Series]]:
    """Yield each kind or method (the column) of the fakes, and bool [N], the rows that have it."""
    of_fakes = scores[column].where(numbers(scores[label]) == 1).map(str, na_action="ignore")
    found = set(of_fakes.dropna())
    for name in KINDS if column == "kind" else sorted(found):
        if name in found:
            yield name, of_fakes == name


def numbers(column: pd.Series) -> np.ndarray:
    """float64 [N]; None, NaN and NA as NaN, True as 1."""
    return np.array([np.nan if pd.isna(one) else float(one) for one in column], np.float64)
