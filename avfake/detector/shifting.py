"""A verdict said again for files of which another share is forged."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from avfake.calibration import shift_probability
from avfake.verdict import Verdict

_FIELDS = {"overall": "p_fake", "face": "p_face_fake", "voice": "p_voice_fake"}


def shift_verdict(verdict: Verdict, shifts: Mapping[str, float], prior: float) -> Verdict:
    """The same decision with the probabilities, and the threshold, of a world of that prior.

    shifts: output -> what its logits rise by (`DecisionModel.shifts`). The decision rests on rates
    within each class, which no prior changes, so the threshold moves along with the probability.
    No part is ever above the whole: as the prior falls, the logit of a part falls by less.
    """
    answers = {
        output: shift_probability(p, shifts[output])
        for output, name in _FIELDS.items()
        if (p := getattr(verdict, name)) is not None
    }
    most = answers.get("overall", 1.0)
    point = verdict.operating_point
    if point and "overall" in shifts:
        point = replace(point, threshold=shift_probability(point.threshold, shifts["overall"]))
    return replace(
        verdict,
        p_fake=answers.get("overall"),
        p_face_fake=min(answers["face"], most) if "face" in answers else None,
        p_voice_fake=min(answers["voice"], most) if "voice" in answers else None,
        operating_point=point,
        prior=prior,
    )


def mean_shifts(
    verdicts: Sequence[Verdict], shifts: Sequence[Mapping[str, float]]
) -> dict[str, float]:
    """Output -> mean shift of the members that answered, or of all where none did.

    Members that were calibrated on one share of fakes, as those of one recipe are, give the exact
    shift of any combination that keeps their calibration. For others, it is that of the mean logit.
    """
    found = {}
    for output, name in _FIELDS.items():
        having = [
            (by[output], getattr(verdict, name) is not None)
            for verdict, by in zip(verdicts, shifts, strict=True)
            if output in by
        ]
        answered = [by for by, has_answered in having if has_answered]
        if having:
            found[output] = float(np.mean(answered or [by for by, _ in having]))
    return found
