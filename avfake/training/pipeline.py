"""Prepared folders and a config -> a trained, stacked, calibrated detector.

Members, one a fold, are trained and score the clips they have not seen; stacker and calibration
learn from those scores. The detector averages the members; validation clips show how much surer
the average is than one.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from avfake.calibration import DecisionFit
from avfake.clips import PreparedFolder
from avfake.config import to_dict
from avfake.detector import Bundle, Detector, sampling_for
from avfake.evaluation import draw_batch, draw_training
from avfake.models import AVModel, build_model
from avfake.report import write_card
from avfake.storage import write_whole
from avfake.training.accelerator import join_processes, on_main_process
from avfake.training.config import TrainingConfig
from avfake.training.facts import bundle_facts, held_out_facts, out_of_fold_table
from avfake.training.features import FeatureStore
from avfake.training.member import (
    Run,
    find_member_rate,
    first_member_batches,
    score_held_back,
    score_out_of_fold,
    train_member,
)
from avfake.training.plan import (
    Plan,
    check_classes,
    gather,
    log_assumptions,
    make_plan,
    trainable_outputs,
)
from avfake.training.rate_finder import RateConfig, RateFinding
from avfake.training.run import model_seed, open_run

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class TrainedDetector:
    """A finished run."""

    detector: Path
    """The bundle."""
    plan: Plan

    def load(self) -> Detector:
        """Return the detector, ready to predict."""
        return Detector.from_pretrained(self.detector)


def train_detector(
    folders: Sequence[PreparedFolder], config: TrainingConfig, out: Path
) -> TrainedDetector:
    """Train a detector on prepared folders into `out`; a run that was stopped goes on.

    Of several processes (accelerate launch, torchrun) all train; the main process alone scores and
    writes while the others wait.
    """
    join_processes(config.fit.device)
    plan = plan_of(folders, config)
    config.data.weights_of(plan.folders)  # refused before the folder is made
    inputs = {"clips": folders[0].config.hash, "split": plan.hash}
    detector = out / "detector"
    is_finished = (detector / "checksums.json").is_file()
    run = None if is_finished else _run_of(folders, config, plan, out)
    on_main_process(lambda: open_run(out, config, inputs=inputs))
    on_main_process(lambda: plan.save(out / "plan.csv"))
    if run is None:
        logger.info("%s is finished already", detector)
        on_main_process(lambda: write_card(detector, keep=True))
        return TrainedDetector(detector, plan)
    log_assumptions(plan.splits["train"], config.data.assume_face_weight)
    on_main_process(lambda: draw_batch(out, next(iter(first_member_batches(run)))))
    models = [
        train_member(run, fold=fold, folder=out / f"member_{fold}")
        for fold in range(config.data.num_models)
    ]
    on_main_process(lambda: _conclude(run, models, out))
    return TrainedDetector(detector, plan)


def plan_of(folders: Sequence[PreparedFolder], config: TrainingConfig) -> Plan:
    """Return the splits and folds of the settings; ManifestError if one class is missing."""
    examples = gather(folders, assume_face_weight=config.data.assume_face_weight)
    plan = make_plan(examples, config.data, seed=config.seed)
    check_classes(plan)
    return plan


def _run_of(
    folders: Sequence[PreparedFolder], config: TrainingConfig, plan: Plan, out: Path
) -> Run:
    """Return what the members share; features of frozen backbones are computed if wanted."""
    model = config.model(trainable_outputs(plan.splits["train"]))
    torch.manual_seed(model_seed(config.seed, 0))  # of backbones without pretrained weights
    frozen = build_model(model).frozen
    run = Run(config, model, plan, config.data.input_spec(folders[0].config), frozen)
    if config.data.feature_copies is None:
        return run
    folder = Path(config.data.feature_folder or out / "features")
    sampling = sampling_for(model, run.spec.drawn())
    store = FeatureStore(folder, build_model(model, frozen=frozen), config, sampling)
    examples = [e for split in ("train", "val") for e in plan.splits[split]]
    on_main_process(lambda: store.compute(examples, workers=config.data.loader_workers))
    return replace(run, features=store)


def with_found_rate(
    folders: Sequence[PreparedFolder], config: TrainingConfig, search: RateConfig, path: Path
) -> tuple[TrainingConfig, RateFinding]:
    """Return the settings with the learning rate that was found, and the finding.

    path: csv that keeps the finding, so that a run that goes on reads it
    """
    if not path.is_file():
        run = _run_of(folders, config, plan_of(folders, config), path.parent)
        find_member_rate(run, search).save(path)
    finding = RateFinding.load(path)
    fit = replace(config.fit, learning_rate=finding.suggestion)
    return replace(config, fit=fit), finding


def _conclude(run: Run, models: Sequence[AVModel], out: Path) -> None:
    """Write the detector of trained models, and their scores of the clips they have not seen."""
    config, plan = run.config, run.plan
    draw_training(out, config.fit.metric)
    scored = score_out_of_fold(run, models)
    held_back = score_held_back(run, models) if len(models) > 1 else None
    stack = replace(config.stack, seed=config.seed)
    fitted = DecisionFit.fit(scored, stack, use_stacker=config.use_stacker, held_back=held_back)
    choices = {name: one.choice for name, one in fitted.model.outputs.items()}
    for name, choice in choices.items():
        logger.info("%s: kept %s; %s", name, choice.kept, choice.reason)
    written = {name: to_dict(choice) for name, choice in choices.items()}
    write_whole(out / "choices.json", json.dumps(written, indent=1))
    table = out_of_fold_table(scored, fitted, stack).drop(columns="covered")
    methods = {e.row.clip_id: e.row.method for e in plan.splits["train"]}
    table.insert(2, "method", table["clip_id"].map(methods))
    write_whole(out / "out_of_fold.csv", table.to_csv(index=False))
    Bundle(
        name=str(out / "detector"),
        spec=run.spec,
        models=models,
        decision_model=fitted.model,
        facts=bundle_facts(plan, config, held_out_facts(scored, fitted, stack)),
    ).save(out / "detector")
    write_card(out / "detector", keep=True)
