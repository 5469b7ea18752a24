"""One model of the detector: trained without one fold, chosen on the validation clips."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.utils.data import DataLoader

from avfake.augment import MixingCollate, build_pipeline
from avfake.clips import (
    ClipDataset,
    EpochDraws,
    InputSpec,
    SampleConfig,
    collate,
    load_batches,
    named_failures,
)
from avfake.labels import OUTPUTS
from avfake.models import AVModel, ModelConfig, ModelOutput, build_model, sync_contrast
from avfake.training.config import LossConfig, TrainingConfig
from avfake.training.fitting.loop import fit
from avfake.training.fitting.losses import masked_bce
from avfake.training.order import EpochOrder
from avfake.training.plan import Example, Plan
from avfake.training.validation import validate

Batch = Mapping[str, Tensor]
FACE, VOICE = OUTPUTS.index("face"), OUTPUTS.index("voice")


@dataclass(frozen=True)
class Member:
    """A trained model and what it was trained on."""

    model: AVModel
    fold: int
    """The fold it has not seen."""
    groups: frozenset[str]
    """The groups it has seen, those of the validation clips that chose its epoch included."""


def train_member(
    config: TrainingConfig,
    model_config: ModelConfig,
    plan: Plan,
    *,
    fold: int,
    folder: Path,
    spec: InputSpec,
) -> Member:
    """Train, or go on training, the model that leaves out `fold`."""
    seen, seed = _seen(plan, fold), _seed(config, fold)
    torch.manual_seed(seed)
    model = build_model(model_config)
    loss = partial(multitask_loss, config.loss)
    sampling = _sampling(spec, model_config)
    # The epoch is chosen by what the detector answers with, not by how well it finds lips.
    decision_model = partial(multitask_loss, replace(config.loss, sync=0.0))
    choosing = _loader(config, sampling, plan.splits["val"] or _held_out(plan, fold))
    batches = _train_batches(config, sampling, seen, folders=plan.folders, seed=seed)
    with named_failures([batches(1), choosing]):
        fit(
            model,
            loss=loss,
            train_batches=batches,
            validate=lambda trained: validate(trained, choosing, decision_model),
            config=replace(config.fit, seed=seed),
            run_folder=folder,
        )
    groups = frozenset(e.row.group for e in (*seen, *plan.splits["val"]))
    return Member(model.eval(), fold, groups)


def first_member_batches(
    config: TrainingConfig, model: ModelConfig, spec: InputSpec, plan: Plan
) -> DataLoader[Batch]:
    """The batches of the first epoch of the first model."""
    seen, seed = _seen(plan, 0), _seed(config, 0)
    sampling = _sampling(spec, model)
    # In this process: they are few.
    alone = replace(config, data=replace(config.data, loader_workers=0))
    return _train_batches(alone, sampling, seen, folders=plan.folders, seed=seed)(1)


def _seen(plan: Plan, fold: int) -> list[Example]:
    return [e for e in plan.splits["train"] if plan.folds.get(e.row.clip_id) != fold]


def _held_out(plan: Plan, fold: int) -> list[Example]:
    return [e for e in plan.splits["train"] if plan.folds.get(e.row.clip_id) == fold]


def _seed(config: TrainingConfig, fold: int) -> int:
    return config.seed * 1000 + fold


def multitask_loss(
    config: LossConfig, output: ModelOutput, batch: Batch
) -> tuple[Tensor, dict[str, Tensor]]:
    """The weighted sum of the parts, and the parts.

    Unknown labels, and heads whose stream a clip lacks, count for nothing.
    """
    labels, weights = batch["labels"], batch["weights"] * output.valid
    parts: dict[str, Tensor] = {
        head: _bce(config, output.logits[:, i], labels[:, i], weights[:, i])
        for i, head in enumerate(OUTPUTS)
    }
    for name, logits, mask, key, column in (
        ("frames", output.frame_logits, batch.get("faces_mask"), "frame_labels", FACE),
        ("windows", output.window_logits, batch.get("sound_mask"), "window_labels", VOICE),
    ):
        if logits is not None and mask is not None:
            label = batch.get(key, labels[:, column, None].expand_as(logits))
            parts[name] = _bce(config, logits, label, weights[:, column, None] * mask)
    if output.sync is not None:
        parts["sync"] = sync_contrast(output.sync, _genuine(batch))
    total = sum((getattr(config, name) * part for name, part in parts.items()), torch.zeros(()))
    return total, parts


def _genuine(batch: Batch) -> Tensor:
    """[B] bool: neither face nor voice is forged, by the label of the file or by those of both."""
    is_genuine = (batch["weights"] > 0) & (batch["labels"] == 0)
    return is_genuine[:, 0] | (is_genuine[:, FACE] & is_genuine[:, VOICE])


def _bce(config: LossConfig, logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    columns = (tensor.reshape(-1, 1) for tensor in (logits, labels, weights))
    return masked_bce(
        *columns,
        smoothing=config.smoothing,
        class_separate=config.class_separate,
        trim_fakes=config.trim_fakes,
    )


def _train_batches(
    config: TrainingConfig,
    sampling: SampleConfig,
    examples: Sequence[Example],
    *,
    folders: Sequence[str],
    seed: int,
) -> Callable[[int], DataLoader[Batch]]:
    """One loader for all epochs, started on the one that is asked for."""
    draws = EpochDraws(EpochOrder(examples, config.data, seed=seed, folders=folders))
    loader = _loader(config, sampling, examples, seed=seed, draws=draws)

    def batches(epoch: int) -> DataLoader[Batch]:
        draws.start(epoch)
        return loader

    return batches


def _sampling(spec: InputSpec, model: ModelConfig) -> SampleConfig:
    return replace(
        spec.drawn(),
        use_visual=(model.visual or model.sync) is not None,
        use_audio=(model.audio or model.sync) is not None,
        crop_sound_seconds=model.sync.sound_seconds if model.sync else 0.0,
    )


def _loader(
    config: TrainingConfig,
    sampling: SampleConfig,
    examples: Sequence[Example],
    *,
    seed: int | None = None,
    draws: EpochDraws | None = None,
) -> DataLoader[Batch]:
    """Batches in the order of the examples; with a seed drawn at random, augmented and mixed."""
    augment = build_pipeline(config.augment)
    return load_batches(
        ClipDataset([e.entry for e in examples], sampling, seed=seed, augment=augment),
        batch_size=config.data.batch_size,
        draws=draws,
        join=collate if seed is None else MixingCollate(config.augment.mix, seed),
        workers=config.data.loader_workers,
    )
