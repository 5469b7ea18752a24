"""Folders of prepared clips come in; a trained, stacked, calibrated detector goes out.

Members, one a fold, are trained and score the clips they have not seen; the stacker and the
calibration learn from those scores alone; the detector averages the members.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from avfake.calibration import DecisionFit, OutOfFold, fit_decision_model, stack_row
from avfake.clips import Clip, InputSpec, PreparedFolder
from avfake.detector import CARD, Bundle, score_clip, write_bundle
from avfake.evaluation import draw_batch, draw_training
from avfake.labels import OUTPUTS, Output
from avfake.progress import progress
from avfake.report import write_card
from avfake.storage import write_whole
from avfake.training.config import TrainingConfig
from avfake.training.facts import bundle_facts
from avfake.training.fitting.processes import join_processes, on_main_process
from avfake.training.held_out import out_of_fold_table
from avfake.training.member import Member, first_member_batches, train_member
from avfake.training.plan import (
    Example,
    Plan,
    check_classes,
    gather,
    log_assumptions,
    make_plan,
    trainable_outputs,
)
from avfake.training.run import open_run

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainedDetector:
    """A finished run."""

    detector: Path
    """The bundle."""
    plan: Plan


def train_detector(
    folders: Sequence[PreparedFolder], config: TrainingConfig, out: Path
) -> TrainedDetector:
    """Train a detector on prepared folders into `out`; a run that was stopped goes on.

    Of several processes (accelerate launch, torchrun) all train; the first alone scores and writes
    while the others wait.
    """
    join_processes(config.fit.device)
    examples = gather(folders, assume_face_weight=config.data.assume_face_weight)
    plan = plan_of(examples, config)
    config.data.weights_of(plan.folders)  # refused before the folder is made
    check_classes(plan)
    inputs = {"clips": folders[0].config.hash, "split": plan.hash}
    on_main_process(lambda: _open(out, config, plan, inputs))
    detector = out / "detector"
    if (detector / "checksums.json").is_file():
        logger.info("%s is finished already", detector)
        on_main_process(lambda: _card(detector))
        return TrainedDetector(detector, plan)
    log_assumptions(plan.splits["train"], config.data.assume_face_weight)
    spec = config.data.input_spec(folders[0].config)
    members = _train(config, plan, spec, out)
    on_main_process(lambda: _conclude(config, plan, members, spec, out=out))
    return TrainedDetector(detector, plan)


def _train(config: TrainingConfig, plan: Plan, spec: InputSpec, out: Path) -> list[Member]:
    """The members, after a picture of what they are about to see."""
    model_config = config.model(trainable_outputs(plan.splits["train"]))
    seen = partial(first_member_batches, config, model_config, spec, plan)
    on_main_process(lambda: draw_batch(out, next(iter(seen()))))
    return [
        train_member(
            config,
            model_config,
            plan,
            fold=fold,
            folder=out / f"member_{fold}",
            spec=spec,
        )
        for fold in range(config.data.num_models)
    ]


def _conclude(
    config: TrainingConfig,
    plan: Plan,
    members: Sequence[Member],
    spec: InputSpec,
    *,
    out: Path,
) -> None:
    """The detector of trained members, and what they say of the clips they have not seen."""
    draw_training(out)
    scored = _out_of_fold(config, plan, members, spec)
    stack = replace(config.stack, seed=config.seed)
    judged = fit_decision_model(scored, stack, use_stacker=config.use_stacker)
    _log_choices(judged, out)
    table = out_of_fold_table(scored, judged, stack)
    methods = {e.row.clip_id: e.row.method for e in plan.splits["train"]}
    table.insert(2, "method", table["clip_id"].map(methods))
    write_whole(out / "out_of_fold.csv", table.to_csv(index=False))
    bundle = Bundle(
        name=str(out / "detector"),
        spec=spec,
        models=[member.model for member in members],
        decision_model=judged.model,
        facts=bundle_facts(plan, config, scored=scored, judged=judged),
    )
    write_bundle(out / "detector", bundle)
    _card(out / "detector")


def _open(out: Path, config: TrainingConfig, plan: Plan, inputs: dict[str, str]) -> None:
    open_run(out, config, inputs=inputs)
    plan.save(out / "plan.csv")


def _card(detector: Path) -> None:
    """A card, unless there is one: it may know more by now, of a test or a stress ladder."""
    if not (detector / CARD).is_file():
        write_card(detector)


def plan_of(examples: Sequence[Example], config: TrainingConfig) -> Plan:
    """The splits and folds that the settings ask for."""
    data = config.data
    shares = {"val": data.val_share, "test": data.test_share}
    return make_plan(
        examples,
        fractions={"train": 1.0 - sum(shares.values())} | shares,
        num_folds=data.num_folds,
        seed=config.seed if data.split_seed is None else data.split_seed,
        parts=data.parts,
        leave_out=data.leave_out,
        calibrate_on=data.calibrate_on,
    )


def _out_of_fold(
    config: TrainingConfig, plan: Plan, members: Sequence[Member], spec: InputSpec
) -> OutOfFold:
    """Rows of every training clip that a member has not seen, by that member.

    A clip with both streams has three: whole, without sound, without picture, so that the stacker
    and the calibration are at home with either missing.
    """
    views = [(True, True)]
    model_config = members[0].model.config
    if model_config.visual and model_config.audio:
        views += [(True, False), (False, True)]
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
        for use_visual, use_audio in views if both else views[:1]:
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


def _log_choices(judged: DecisionFit, out: Path) -> None:
    choices = {name: one.choice for name, one in judged.model.outputs.items()}
    for name, choice in choices.items():
        logger.info("%s: kept %s; %s", name, choice.kept, choice.reason)
    losses = {
        name: {"kept": c.kept, "reason": c.reason, "log_losses": dict(c.log_losses)}
        for name, c in choices.items()
    }
    write_whole(out / "choices.json", json.dumps(losses, indent=1))
