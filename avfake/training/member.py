"""One model of the detector: trained without one fold, selected on the validation clips.

The models then score the training clips that they have not seen.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import DataLoader

from avfake.augment import MixingCollate, build_pipeline
from avfake.calibration import OutOfFold
from avfake.clips import (
    Clip,
    ClipDataset,
    EpochDraws,
    InputSpec,
    collate,
    load_batches,
    named_failures,
)
from avfake.detector import sampling_for, score_clip
from avfake.labels import OUTPUTS, Output, Part
from avfake.models import AVModel, Frozen, ModelConfig, build_model
from avfake.parallel import progress
from avfake.training.config import TrainingConfig
from avfake.training.features import FeatureDataset, FeatureStore, collate_features
from avfake.training.fit import fit
from avfake.training.losses import Batch, multitask_loss, validate
from avfake.training.plan import Example, Plan
from avfake.training.rate_finder import RateConfig, RateFinding, find_rate
from avfake.training.run import model_seed
from avfake.training.sampling import EpochOrder


@dataclass(frozen=True)
class Run:
    """All that the members of a detector have in common."""

    config: TrainingConfig
    model: ModelConfig
    plan: Plan
    spec: InputSpec
    frozen: Mapping[str, Frozen] = field(default_factory=dict)
    """Branch -> its frozen backbone, which all members share."""
    features: FeatureStore | None = None
    """Features of the clips; None = backbones run in every epoch."""

    def train_batches(self, fold: int) -> Callable[[int], DataLoader[Batch]]:
        """Return epoch -> batches of the clips outside of a fold; one loader serves all epochs."""
        examples, seed = self.plan.outside(fold), model_seed(self.config.seed, fold)
        draws = EpochDraws(
            EpochOrder(examples, self.config.data, seed=seed, folders=self.plan.folders)
        )
        loader = self.loader(examples, seed=seed, draws=draws)

        def batches(epoch: int) -> DataLoader[Batch]:
            draws.start(epoch)
            return loader

        return batches

    def loader(
        self, examples: Sequence[Example], seed: int | None = None, draws: EpochDraws | None = None
    ) -> DataLoader[Batch]:
        """Return batches in the order of the examples; with a seed drawn, augmented and mixed."""
        config, sampling = self.config, sampling_for(self.model, self.spec.drawn())
        if self.features is not None:
            return DataLoader(
                FeatureDataset(self.features, examples, seed),
                config.data.batch_size,
                sampler=draws,
                collate_fn=collate_features,
                generator=torch.Generator(),  # as in `load_batches`, like the next
                pin_memory=torch.cuda.is_available(),
            )
        augment = build_pipeline(config.augment)
        return load_batches(
            ClipDataset([e.entry for e in examples], sampling, seed=seed, augment=augment),
            batch_size=config.data.batch_size,
            draws=draws,
            join=collate if seed is None else MixingCollate(config.augment.mix, seed),
            workers=config.data.loader_workers,
            prefetch=config.data.loader_prefetch,
        )


def train_member(run: Run, *, fold: int, folder: Path) -> AVModel:
    """Train, or go on training, the model that leaves out `fold`."""
    config, seed = run.config, model_seed(run.config.seed, fold)
    torch.manual_seed(seed)
    model = build_model(run.model, frozen=run.frozen)
    # The epoch is selected by the detector's outputs, not by how well it matches lips and sound.
    outputs_only = partial(multitask_loss, replace(config.loss, sync=0.0))
    validation = run.loader(run.plan.splits["val"] or run.plan.inside(fold))
    batches = run.train_batches(fold)
    with named_failures([batches(1), validation]):
        fit(
            model,
            loss=partial(multitask_loss, config.loss),
            train_batches=batches,
            validate=lambda trained: validate(trained, validation, outputs_only),
            config=replace(config.fit, seed=seed),
            run_folder=folder,
        )
    return model


def first_member_batches(run: Run) -> DataLoader[Batch]:
    """Return the batches of the first epoch of the first model, read in this process as clips."""
    config = run.config.changed({"data.loader_workers": 0})
    return replace(run, config=config, features=None).train_batches(0)(1)


def find_member_rate(run: Run, search: RateConfig) -> RateFinding:
    """Return the losses of the first member at rising rates, on its own training batches.

    The backbone is not frozen: the rate is that of the longer, unfrozen part of training.
    """
    seed = model_seed(run.config.seed, 0)
    torch.manual_seed(seed)
    return find_rate(
        build_model(run.model, frozen=run.frozen),
        loss=partial(multitask_loss, run.config.loss),
        batches=first_member_batches(run),
        config=replace(run.config.fit, seed=seed),
        search=search,
    )


def score_out_of_fold(run: Run, models: Sequence[AVModel]) -> OutOfFold:
    """Return rows of statistics of every training clip that a model has not seen, by that model."""
    plan = run.plan
    held_out = [
        e for e in plan.splits["train"] if plan.folds.get(e.row.clip_id, len(models)) < len(models)
    ]
    return _score(
        run,
        _calibrating(run, held_out),
        fold_of={e.row.clip_id: plan.folds[e.row.clip_id] for e in held_out},
        scoring=[[model] for model in models],
        trained_on=[plan.seen_groups(fold) for fold in range(len(models))],
    )


def score_held_back(run: Run, models: Sequence[AVModel]) -> OutOfFold | None:
    """Return rows of the validation clips by the average of the models; None without such clips.

    No model learned from them, though each chose its epoch by them.
    """
    held_back = _calibrating(run, run.plan.splits["val"])
    if not held_back:
        return None
    return _score(
        run,
        held_back,
        fold_of=dict.fromkeys((e.row.clip_id for e in held_back), 0),
        scoring=[models],
        trained_on=[frozenset(e.row.group for e in run.plan.splits["train"])],
    )


def _calibrating(run: Run, examples: Sequence[Example]) -> list[Example]:
    """Return the examples of the folders that calibrate."""
    return [e for e in examples if e.folder in (run.config.data.calibrate_on or run.plan.folders)]


def _score(
    run: Run,
    examples: Sequence[Example],
    *,
    fold_of: Mapping[str, int],
    scoring: Sequence[Sequence[AVModel]],
    trained_on: Sequence[frozenset[str]],
) -> OutOfFold:
    """Return rows of statistics of the clips.

    A clip with picture and sound has three: whole, without sound, without picture, so that stacker
    and calibration handle clips that lack either. The overall label of the latter two is that of
    what is left: of a file of which only the voice was assessed, the answer is about the voice.

    Args:
        fold_of: clip_id -> fold
        scoring: for each fold the models whose average scores its clips
        trained_on: for each fold the groups that those models learned from
    """
    modalities = [(True, True)]
    if run.model.visual and run.model.audio:
        modalities += [(True, False), (False, True)]
    rows, scored = [], []
    for example in progress(examples, desc="score out of fold", unit="clip"):
        clip, models = Clip.open(example.archive), scoring[fold_of[example.row.clip_id]]
        features = run.features.whole(example) if run.features else {}
        both = example.has_visual and example.has_audio
        for use_visual, use_audio in modalities if both else modalities[:1]:
            sampling = run.spec.whole(use_visual=use_visual, use_audio=use_audio)
            rows.append(score_clip(models, clip, sampling, features=features).row())
            scored.append(example if use_visual and use_audio else _without(example, use_visual))
    return OutOfFold(
        rows=np.stack(rows),
        clip_ids=[e.row.clip_id for e in scored],
        groups=[e.row.group for e in scored],
        labels={output: _labels(scored, output) for output in OUTPUTS},
        fold=np.array([fold_of[e.row.clip_id] for e in scored]),
        trained_on=trained_on,
    )


def _without(example: Example, use_visual: bool) -> Example:
    """Return the example without its sound, or without its picture."""
    kept: Part = "face" if use_visual else "voice"
    labels, weights = (
        one._replace(overall=getattr(one, kept)) for one in (example.labels, example.weights)
    )
    return replace(example, labels=labels, weights=weights)


def _labels(examples: Sequence[Example], output: Output) -> np.ndarray:
    """float [N], NaN where the label is unknown."""
    return np.array(
        [getattr(e.labels, output) if getattr(e.weights, output) > 0 else np.nan for e in examples]
    )
