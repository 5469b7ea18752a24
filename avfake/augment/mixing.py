"""Mixing of genuine and forged clips, with soft labels: in a pair, and in a batch."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from avfake.augment.config import MixConfig
from avfake.augment.transform import Parameters
from avfake.clips import TrainingSample, collate
from avfake.labels import Labels

Batch = dict[str, Tensor]


def pair_mixup(sample: TrainingSample, share: float) -> TrainingSample:
    """Mix a fake face with its genuine original, pixel by pixel; share: that of the fake.

    Third place of the DFDC: the share becomes the label of the face. The whole is as much a fake as
    its more forged part; a voice of unknown truth counts as genuine in that, as nine in ten of such
    clips' are.
    """
    assert sample.partner is not None
    mixed = sample.faces * np.float32(share) + sample.partner * np.float32(1 - share)
    voice = sample.labels.voice if sample.weights.voice > 0 else 0.0
    return replace(
        sample,
        faces=np.rint(mixed).astype(np.uint8),
        labels=Labels(max(share, voice), share, sample.labels.voice),
    )


def draw_share(sample: TrainingSample, rng: np.random.Generator, alpha: float) -> Parameters | None:
    """Draw the share of the fake from Beta(alpha, alpha); None but for a fake with its original."""
    is_fake = sample.labels.face == 1 and sample.weights.face > 0
    share = float(rng.beta(alpha, alpha))
    return {"share": share} if is_fake and sample.partner is not None else None


@dataclass(frozen=True)
class MixingCollate:
    """`collate`, then `mix_batch`; draws depend on (seed, epoch, first index) alone."""

    config: MixConfig
    seed: int

    def __call__(self, items: list[dict[str, Any]]) -> Batch:
        batch = collate(items)
        first = int(batch["index"][0])
        # The 1 separates these draws from those of the clip with that index.
        return mix_batch(
            batch, self.config, np.random.default_rng([self.seed, items[0]["epoch"], first, 1])
        )


def mix_batch(batch: Batch, config: MixConfig, rng: np.random.Generator) -> Batch:
    """Return the batch, by chance with each clip mixed with another; `batch` is not changed.

    Mixup (Zhang et al. 2018) averages pictures and sounds; cutmix (Yun et al. 2019) puts a box of
    the other clip into every crop, and an equal share of its sound into every window. A clip is
    only mixed with one that has the same labels known and the same crops and windows present.
    The own clip keeps the larger share, so that its landmarks remain valid.
    """
    fate = rng.random()
    if fate >= config.mixup_rate + config.cutmix_rate:
        return batch
    others = _others(batch, rng)
    if fate < config.mixup_rate:
        shares = rng.beta(config.mixup_alpha, config.mixup_alpha, len(others))
        return _mixed_up(batch, others, np.maximum(shares, 1 - shares))
    share = float(rng.beta(config.cutmix_alpha, config.cutmix_alpha))
    return _cut_together(batch, others, max(share, 1 - share), rng)


def _others(batch: Batch, rng: np.random.Generator) -> Tensor:
    """Return int64 [B]: the clip with which each is mixed; itself if no other is like it."""
    columns = [batch["weights"] > 0]
    columns += [batch[key] for key in ("faces_mask", "sound_mask") if key in batch]
    kinds = np.unique(torch.cat(columns, dim=1).numpy(), axis=0, return_inverse=True)[1].ravel()
    others = np.arange(len(kinds))
    for kind in range(kinds.max() + 1):
        members = rng.permutation(np.flatnonzero(kinds == kind))
        others[members] = np.roll(members, 1)
    return torch.from_numpy(others)


def _mixed_up(batch: Batch, others: Tensor, shares: np.ndarray) -> Batch:
    own = torch.from_numpy(shares.astype(np.float32))
    mixed = {**batch, **_mixed_labels(batch, others, own)}
    for key in ("faces", "sound", "crop_sound"):
        if key in batch:
            values = batch[key].float()
            part = own.reshape(-1, *[1] * (values.ndim - 1))
            both = torch.lerp(values[others], values, part)
            mixed[key] = both.round().to(torch.uint8) if key == "faces" else both
    return mixed


def _cut_together(batch: Batch, others: Tensor, share: float, rng: np.random.Generator) -> Batch:
    mixed = dict(batch)
    if "faces" in batch:
        side = batch["faces"].shape[-1]
        length = round(side * (1 - share) ** 0.5)
        share = 1 - (length / side) ** 2
        x, y = rng.integers(side - length + 1, size=2)
        box = (..., slice(y, y + length), slice(x, x + length))
        mixed["faces"] = batch["faces"].clone()
        mixed["faces"][box] = batch["faces"][others][box]
    for key in ("sound", "crop_sound"):
        if key in batch:
            samples = batch[key].shape[-1]
            length = round((1 - share) * samples)
            start = int(rng.integers(samples - length + 1))
            part = (..., slice(start, start + length))
            mixed[key] = batch[key].clone()
            mixed[key][part] = batch[key][others][part]
    return mixed | _mixed_labels(batch, others, torch.full((len(others),), share))


def _mixed_labels(batch: Batch, others: Tensor, own: Tensor) -> Batch:
    return {
        key: torch.lerp(batch[key][others], batch[key], own[:, None])
        for key in ("labels", "weights", "frame_labels", "window_labels")
        if key in batch
    }
