"""Out-of-fold scores: each training clip scored by a model that has not seen its fold."""

from collections.abc import Sequence

import numpy as np

from avfake.calibration import OutOfFold, stack_row
from avfake.clips import Clip, InputSpec
from avfake.detector import score_clip
from avfake.labels import OUTPUTS, Output
from avfake.parallel import progress
from avfake.training.config import TrainingConfig
from avfake.training.member import Member
from avfake.training.plan import Example, Plan


def score_out_of_fold(
    config: TrainingConfig, plan: Plan, members: Sequence[Member], spec: InputSpec
) -> OutOfFold:
    """Return rows of statistics of every training clip that a member has not seen, by that member.

    A clip with picture and sound has three: whole, without sound, without picture, so that stacker
    and calibration handle clips that lack either.
    """
    modalities = [(True, True)]
    model_config = members[0].model.config
    if model_config.visual and model_config.audio:
        modalities += [(True, False), (False, True)]
    rows, examples, folds = [], [], []
    held_out = [
        e
        for e in plan.splits["train"]
        if plan.folds.get(e.row.clip_id, len(members)) < len(members)
        and e.folder in (config.data.calibrate_on or plan.folders)
    ]
    for example in progress(held_out, desc="score out of fold", unit="clip"):
        fold = plan.folds[example.row.clip_id]
        clip = Clip.open(example.archive)
        both = example.has_visual and example.has_audio
        for use_visual, use_audio in modalities if both else modalities[:1]:
            sampling = spec.whole(use_visual=use_visual, use_audio=use_audio)
            rows.append(stack_row(score_clip([members[fold].model], clip, sampling)))
            examples.append(example)
            folds.append(fold)
    return OutOfFold(
        rows=np.stack(rows),
        clip_ids=[e.row.clip_id for e in examples],
        groups=[e.row.group for e in examples],
        labels={output: _labels(examples, output) for output in OUTPUTS},
        fold=np.array(folds),
        trained_on=[member.groups for member in members],
    )


def _labels(examples: Sequence[Example], output: Output) -> np.ndarray:
    """float [N], NaN where the label is unknown."""
    return np.array(
        [getattr(e.labels, output) if getattr(e.weights, output) > 0 else np.nan for e in examples]
    )
