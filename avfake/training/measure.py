"""Detector and labelled clips -> table of scores beside labels."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from avfake.clips import Clip, PreparedFolder, sample_clip, sample_labels
from avfake.detector import Detector, PredictOptions
from avfake.errors import ConfigError
from avfake.evaluation import read_plan
from avfake.parallel import progress
from avfake.training.plan import Example, gather
from avfake.training.processes import on_main_process
from avfake.verdict import Verdict

COLUMNS = (
    *("clip_id", "group", "method", "label", "face_fake", "voice_fake", "has_video", "has_audio"),
    *("p_fake", "p_face_fake", "p_voice_fake", "decision", "prior"),
)
"""Columns of the table; prior only where one was set."""


def examples_in(
    clips: Sequence[str | Path], *, plan_table: Path | None = None, split: str = ""
) -> list[Example]:
    """Return the usable clips of prepared folders, or those of one split of a run.

    plan_table: plan.csv of the training run; None = all clips
    """
    examples = gather([PreparedFolder(path) for path in clips], assume_face_weight=0.0)
    if plan_table is None:
        return examples
    if not plan_table.is_file():
        raise ConfigError(f"--split {split} needs the plan of the training run, {plan_table}")
    plan = read_plan(plan_table)
    return [example for example in examples if plan.get(example.row.clip_id) == split]


def measure(
    detector: Detector, examples: Sequence[Example], options: PredictOptions | None = None
) -> pd.DataFrame:
    """Return one row a clip: clip_id, group, method, labels, probabilities, the decision.

    Where a prior was set, there is a column for it. ConfigError without any example.
    Of several processes the main process measures; all get the table.
    """
    if not examples:
        raise ConfigError("no clip to measure on; data.test_share 0 leaves none for the test")
    return on_main_process(
        lambda: pd.DataFrame(
            [
                _row(example, detector.predict_clip(Clip.open(example.archive), options))
                | ({"prior": options.prior} if options and options.prior else {})
                for example in progress(examples, desc="measure", unit="clip")
            ]
        )
    )


def _row(example: Example, verdict: Verdict) -> dict[str, object]:
    row = example.row
    return {
        "clip_id": row.clip_id,
        "group": row.group,
        "method": row.method,
        "label": row.label,
        "face_fake": row.face_fake,
        "voice_fake": row.voice_fake,
        "has_video": example.has_visual,
        "has_audio": example.has_audio,
        "p_fake": verdict.p_fake,
        "p_face_fake": verdict.p_face_fake,
        "p_voice_fake": verdict.p_voice_fake,
        "decision": verdict.decision,
    }


def measure_moments(detector: Detector, examples: Sequence[Example]) -> pd.DataFrame:
    """Return a row for each crop and each window of the clips that name forged segments."""
    return pd.DataFrame(_moments(detector, examples))


def _moments(detector: Detector, examples: Sequence[Example]) -> Iterator[dict[str, object]]:
    [member] = detector.members
    for example in examples:
        if not example.row.segments:
            continue
        clip = Clip.open(example.archive)
        sampled = sample_clip(clip, member.bundle.spec.whole())
        known = sample_labels(example.labels, example.row.segments, sampled)
        scores = member.score_clip(clip)
        for part, found, forged, label in (
            ("face", scores.frame_scores, known.forged_frames, known.labels.face),
            ("voice", scores.window_scores, known.forged_windows, known.labels.voice),
        ):
            for p, share in zip(found, forged, strict=False):  # no scores without that branch
                row = dict.fromkeys(("label", "face_fake", "voice_fake", "p_fake"))
                row |= {"p_face_fake": None, "p_voice_fake": None, "group": example.row.group}
                yield row | {f"{part}_fake": bool(share * label), f"p_{part}_fake": float(p)}
