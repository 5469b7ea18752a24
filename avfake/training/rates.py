"""Folders of prepared clips and a config come in, the finding of the rate finder goes out."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

import torch

from avfake.clips import PreparedFolder
from avfake.models import build_model
from avfake.training.config import TrainingConfig
from avfake.training.fitting.rate_finder import RateConfig, RateFinding, find_rate
from avfake.training.member import first_member_batches, multitask_loss
from avfake.training.pipeline import plan_of
from avfake.training.plan import check_classes, gather, trainable_outputs


def find_member_rate(
    folders: Sequence[PreparedFolder], config: TrainingConfig, search: RateConfig | None = None
) -> RateFinding:
    """How the loss of the first member goes as the rate rises, on its own training batches.

    The backbone is free throughout: the rate is one for the longer, unfrozen stretch.
    """
    examples = gather(folders, assume_face_weight=config.data.assume_face_weight)
    plan = plan_of(examples, config)
    check_classes(plan)
    model_config = config.model(trainable_outputs(plan.splits["train"]))
    spec = config.data.input_spec(folders[0].config)
    seed = config.seed * 1000
    torch.manual_seed(seed)
    return find_rate(
        build_model(model_config),
        loss=partial(multitask_loss, config.loss),
        batches=first_member_batches(config, model_config, spec, plan),
        config=replace(config.fit, seed=seed),
        search=search,
    )
