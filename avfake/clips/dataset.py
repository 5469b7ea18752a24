"""Torch batches over prepared clips. The batch keys are listed in docs/architecture.md."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset

from avfake.clips.archive import Clip
from avfake.clips.sample import SampleConfig, Sampled, sample_clip

UNKNOWN = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class ClipEntry:
    """One clip to learn from."""

    archive: Path
    labels: tuple[float, float, float] = UNKNOWN
    """overall, face, voice; 1 = fake; any value where the weight is 0."""
    weights: tuple[float, float, float] = UNKNOWN
    """0 = label unknown; below 1 = an assumed label that counts less."""
    partner: Path | None = None
    """Archive of the genuine original of a fake, where there is one."""


class ClipDataset(Dataset[dict[str, Any]]):
    """One item a clip; what is drawn of it depends on (seed, epoch, index) alone."""

    def __init__(
        self,
        entries: Sequence[ClipEntry],
        sampling: SampleConfig,
        *,
        seed: int | None = None,
        epoch: int = 0,
        flip: bool = False,
    ) -> None:
        """seed = None takes evenly spread crops and windows; `flip` mirrors half the clips."""
        self.entries, self.sampling = list(entries), sampling
        self.seed, self.epoch, self.flip = seed, epoch, flip

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int) -> dict[str, Any]:
        entry = self.entries[index]
        generator = None
        if self.seed is not None:
            generator = np.random.default_rng([self.seed, self.epoch, index])
        sampled = sample_clip(Clip.open(entry.archive), self.sampling, generator)
        item = _tensors(sampled)
        if generator is not None and self.flip and generator.random() < 0.5:
            item["landmarks"] = _mirrored(item["landmarks"], side=item["faces"].shape[-1])
            item["faces"] = item["faces"].flip(-1)
        item["labels"] = torch.tensor(entry.labels)
        item["weights"] = torch.tensor(entry.weights)
        item["index"] = torch.tensor(index)
        return item


def _tensors(sampled: Sampled) -> dict[str, Any]:
    names = ("faces", "landmarks", "crop_sound", "sound")
    tensors = {name: torch.from_numpy(getattr(sampled, name)) for name in names}
    persons = torch.tensor([person for person, _ in sampled.picks], dtype=torch.long)
    return tensors | {"persons": persons}


def _mirrored(landmarks: torch.Tensor, *, side: int) -> torch.Tensor:
    """Points of the mirrored crop: left and right, as seen, change names."""
    mirrored = landmarks[:, [1, 0, 2, 4, 3]].clone()
    mirrored[..., 0] = side - mirrored[..., 0]
    return mirrored


def collate(items: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """A batch: faces and sound padded to the longest item, masks False over the padding.

    A modality that no item has is left out of the batch altogether.
    """
    batch: dict[str, torch.Tensor] = {
        key: torch.stack([item[key] for item in items])
        for key in ("labels", "weights", "index")
        if key in items[0]
    }
    for key in ("faces", "sound"):
        rows = [item[key] for item in items]
        if any(len(row) for row in rows):
            batch[key], batch[f"{key}_mask"] = _pad(rows)
    for key in ("landmarks", "persons", "crop_sound"):  # go with the faces, and share their mask
        rows = [item[key] for item in items]
        if any(row.numel() for row in rows):
            batch[key], _ = _pad(rows)
    return batch


def batch_of(sampled: Sampled) -> dict[str, torch.Tensor]:
    """A batch of one clip, without labels."""
    return collate([_tensors(sampled)])


def _pad(rows: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    padded = rows[0].new_zeros(
        (len(rows), max(map(len, rows)), *max(row.shape[1:] for row in rows))
    )
    mask = torch.zeros(padded.shape[:2], dtype=torch.bool)
    for i, row in enumerate(rows):
        if row.numel():
            padded[i, : len(row)] = row
            mask[i, : len(row)] = True
    return padded, mask
