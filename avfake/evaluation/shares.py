"""What was decided: shares of clips called fake, real or left unsure, with intervals."""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import pandas as pd

from avfake.errors import AvfakeError
from avfake.evaluation.bootstrap import Interval, group_interval
from avfake.evaluation.slices import add_kind, fakes_by, numbers

DECISIONS = ("fake", "real", "unsure")


def share(
    hits: np.ndarray,
    groups: Sequence[str],
    *,
    groups_alike: bool = False,
    num_resamples: int = 1000,
    seed: int = 0,
) -> Interval:
    """Share of the clips of which something is true; NaN without any clip.

    groups_alike: the mean of the shares of the groups, however many clips each has

    The interval is that of `bootstrap` over groups. Of none or of all clips it has no width, which
    would promise that it never happens: there it is the exact one of Clopper and Pearson (1934),
    with a group for a trial.

    hits: bool [N]
    """
    if not len(hits):
        return Interval(float("nan"), float("nan"), float("nan"))
    if 0 < np.sum(hits) < len(hits):
        _, index, counts = np.unique(
            np.asarray(groups, str), return_inverse=True, return_counts=True
        )
        weights = 1 / counts[index] if groups_alike else np.ones(len(hits))
        return group_interval(
            lambda rows: float(np.average(hits[rows], weights=weights[rows])),
            groups,
            num_resamples=num_resamples,
            seed=seed,
        )
    from scipy.stats import binomtest

    num_groups = len(set(groups))
    value = float(np.mean(hits))
    bounds = binomtest(round(value * num_groups), num_groups).proportion_ci(0.95)
    return Interval(value, float(bounds.low), float(bounds.high))


def decision_table(scores: pd.DataFrame, *, num_resamples: int = 1000) -> pd.DataFrame:
    """One row for each kind of clip and decision: value, low, high, clips.

    Kinds: "genuine", whose share of "fake" is the rate of false alarms; "fake", all of them; each
    of `KINDS` that is there; "method: NAME" of each method that is named. Clips without a label
    are left out, clips without a probability are unsure.

    Frame: clip_id, group, label, face_fake, voice_fake, decision; method, if known. AvfakeError for
    a decision that is none of `DECISIONS`.
    """
    odd = sorted(set(scores["decision"].dropna().astype(str)) - set(DECISIONS))
    if odd or scores["decision"].isna().any():
        raise AvfakeError(
            f"a decision is one of {', '.join(DECISIONS)}; got {', '.join(odd) or 'none'}"
        )
    records = []
    scores = add_kind(scores)
    for kind, of_kind in _kinds(scores):
        rows = scores[of_kind]
        groups = rows["group"].astype(str).tolist()
        for decision in DECISIONS:
            hits = (rows["decision"] == decision).to_numpy(bool)
            found = share(hits, groups, num_resamples=num_resamples)
            record = {"kind": kind, "decision": decision, **asdict(found), "clips": len(rows)}
            records.append(record)
    return pd.DataFrame(records)


def _kinds(scores: pd.DataFrame) -> Iterator[tuple[str, Any]]:
    """Yield each kind of `decision_table`, and which rows those are, bool [N]."""
    truth = numbers(scores["label"])
    yield "genuine", truth == 0
    yield "fake", truth == 1
    yield from fakes_by("kind", scores)
    for method, rows in fakes_by("method", scores) if "method" in scores else ():
        yield f"method: {method}", rows
