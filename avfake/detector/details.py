"""The details of a verdict: scored faces of each person, windows of sound, contributions."""

from math import isnan

import numpy as np

from avfake.calibration import FEATURES, ClipScores, DecisionModel
from avfake.clips import Clip
from avfake.detector.timeline import face_segments
from avfake.labels import OUTPUTS
from avfake.verdict import Contribution, FaceScore, Person, VoiceScore

NUM_CONTRIBUTIONS = 5
"""Contributions shown for each output."""


def voice_scores(scores: ClipScores) -> tuple[VoiceScore, ...]:
    """Return the scored windows of sound."""
    return tuple(
        VoiceScore(round(float(start), 3), round(float(end), 3), float(score))
        for (start, end), score in zip(scores.window_spans, scores.window_scores, strict=True)
    )


def scored_persons(clip: Clip, scores: ClipScores, *, find: bool) -> tuple[Person, ...]:
    """Return the scored faces of each person; find: with their forged segments."""
    if not scores.has_visual:
        return ()
    persons = []
    for meta in clip.meta.persons:
        is_mine = scores.frame_persons == meta.person_id
        mine = scores.frame_scores[is_mine]
        if not len(mine):
            continue
        seconds = [clip.meta.frame_seconds[index] for index in meta.frame_indices]
        scored = dict(zip(scores.frame_seconds[is_mine], mine.tolist(), strict=True))
        frames = tuple(
            FaceScore(at, (box[0], box[1], box[2], box[3]), scored[np.float32(at)])
            for at, box in zip(seconds, meta.boxes, strict=True)
            if np.float32(at) in scored
        )
        segments = face_segments(frames) if find else ()
        persons.append(Person(meta.person_id, float(mine.mean()), frames, segments))
    return tuple(persons)


def strongest(
    row: np.ndarray, model: DecisionModel, *, use_stacker: bool
) -> tuple[Contribution, ...]:
    """Return the largest parts of each logit, largest first.

    Columns that no tree of a stacker reads are left out. All scores that a baseline compared are
    there, also those that did not count.
    """
    values = dict(zip(FEATURES, row.tolist(), strict=True))
    sums = model.contributions(row, use_stacker=use_stacker)
    return tuple(
        Contribution(
            output,
            name,
            None if isnan(values[name]) else values[name],  # JSON has no NaN
            logit,
            sums[output].by,
        )
        for output in OUTPUTS
        if output in sums
        for name, logit in sums[output].strongest(NUM_CONTRIBUTIONS).items()
        if logit or sums[output].by != "stacker"
    )
