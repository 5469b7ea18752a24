"""A detector and labelled clips come in, a table of scores beside labels goes out."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from avfake.clips import Clip
from avfake.detector import Detector, PredictOptions
from avfake.errors import ConfigError
from avfake.evaluation import read_plan
from avfake.progress import progress
from avfake.training.fitting.processes import on_main_process
from avfake.training.plan import Example
from avfake.verdict import Verdict

COLUMNS = (
    *("clip_id", "group", "method", "label", "face_fake", "voice_fake", "has_video", "has_audio"),
    *("p_fake", "p_face_fake", "p_voice_fake", "decision", "prior"),
)
"""Of the table; prior only where one was asked for."""


def measure(
    detector: Detector, examples: Sequence[Example], options: PredictOptions | None = None
) -> pd.DataFrame:
    """One row a clip: clip_id, group, method, three labels, three probabilities, the decision.

    Where a prior was asked for, there is a column for it. ConfigError without any example.
    Of several processes the first measures; all get the table.
    """
    if not examples:
        raise ConfigError("no clip to measure on; with data.test_share 0 none is put aside")
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


def examples_of_split(examples: Sequence[Example], plan_table: Path, split: str) -> list[Example]:
    """The examples that a run's plan.csv puts into a split."""
    if not plan_table.is_file():
        raise ConfigError(f"--split {split} needs the plan of the training run, {plan_table}")
    plan = read_plan(plan_table)
    return [example for example in examples if plan.get(example.row.clip_id) == split]
