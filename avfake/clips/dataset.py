"""Torch batches over prepared clips. The batch keys are listed in docs/architecture.md."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch.nn.utils.rnn import pad_sequence
from torch.utils.data import Dataset

from avfake.clips.archive import Clip
from avfake.clips.sample import ClipArrays, SampleConfig, Sampled
from avfake.labels import ForgedSegment, Labels
from avfake.storage import AnyPath


@dataclass(frozen=True)
class ClipEntry:
    """One training clip."""

    archive: AnyPath
    labels: Labels = Labels()
    """Any value where the weight is 0."""
    weights: Labels = Labels()
    """0 = label unknown; below 1 = an assumed label that counts less."""
    partner: AnyPath | None = None
    """Archive of the genuine original of a fake, if known."""
    segments: tuple[ForgedSegment, ...] = ()
    """Where in the clip something is forged, as far as that is known."""


@dataclass(frozen=True)
class TrainingSample(ClipArrays):
    """Crops, sound and labels of one clip."""

    labels: Labels
    """Between 0 and 1 where genuine and fake were mixed."""
    weights: Labels
    """0 = label unknown."""
    partner: np.ndarray | None = None
    """uint8 [T, S, S, 3]: the same crops of the genuine original of a fake, pixel on pixel."""

    @property
    def side_px(self) -> int:
        """Side of the crops."""
        return self.faces.shape[1]

    @property
    def has_faces(self) -> bool:
        return self.faces.size > 0

    @property
    def has_sound(self) -> bool:
        return self.sound.size + self.crop_sound.size > 0

    def with_pictures(self, change: Callable[[np.ndarray], np.ndarray]) -> "TrainingSample":
        """Return the sample with `change` applied to the crops and those of the partner."""
        partner = None if self.partner is None else change(self.partner)
        return replace(self, faces=change(self.faces), partner=partner)

    def with_sound(self, change: Callable[[np.ndarray], np.ndarray]) -> "TrainingSample":
        """Return the sample with `change` applied to each row [N] of its sound, kept in [-1, 1]."""
        return replace(
            self, sound=_changed(self.sound, change), crop_sound=_changed(self.crop_sound, change)
        )


class Augment(Protocol):
    """A function that changes training samples."""

    @property
    def needs_partner(self) -> bool:
        """Whether the crops of the original are needed, which takes time to read."""
        ...

    def __call__(self, sample: TrainingSample, rng: np.random.Generator) -> TrainingSample: ...


def _changed(rows: np.ndarray, change: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    if not rows.size:
        return rows
    changed = np.stack([change(row) for row in rows])
    if changed.shape != rows.shape:
        raise ValueError(f"sound of {rows.shape} came back as {changed.shape}")
    return changed.clip(-1, 1).astype(np.float32)


class Draw(NamedTuple):
    """One clip of one epoch: what is drawn of it depends on the epoch and its position in it."""

    epoch: int
    position: int
    entry: int
    """Index into the entries of the dataset."""


@dataclass(frozen=True, eq=False)
class ClipDataset(Dataset[dict[str, Any]]):
    """A dataset with one item per clip, drawn by (seed, epoch, position in the epoch) alone.

    Indexed by a `Draw`, or by a number that is entry and position in epoch 0.
    """

    entries: Sequence[ClipEntry]
    sampling: SampleConfig
    seed: int | None = field(default=None, kw_only=True)
    """None takes evenly spread crops and windows, and augments nothing."""
    augment: Augment | None = field(default=None, kw_only=True)

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, which: int | Draw) -> dict[str, Any]:
        epoch, position, number = which if isinstance(which, Draw) else (0, which, which)
        entry = self.entries[number]
        generator = None
        if self.seed is not None:
            generator = np.random.default_rng([self.seed, epoch, position])
        clip = Clip.open(entry.archive)
        sampled = Sampled.of(clip, self.sampling, generator)
        seen, forged_frames, forged_windows = sampled.labels(entry.labels, entry.segments)
        arrays = {one.name: getattr(sampled, one.name) for one in fields(ClipArrays)}
        sample = TrainingSample(**arrays, labels=seen, weights=entry.weights)
        if generator is not None and self.augment is not None:
            if self.augment.needs_partner and entry.partner is not None:
                partner = _crops_of_original(Clip.open(entry.partner), clip, sampled)
                sample = replace(sample, partner=partner)
            sample = self.augment(sample, generator)
        labels = sample.labels
        return sample.item() | {
            "labels": torch.tensor(labels),
            # From the labels after augmentation, which may have forged or mixed the sample.
            "frame_labels": torch.from_numpy(forged_frames * np.float32(labels.face)),
            "window_labels": torch.from_numpy(forged_windows * np.float32(labels.voice)),
            "weights": torch.tensor(sample.weights, dtype=torch.float32),
            "index": torch.tensor(position),
            "epoch": epoch,
        }


def _crops_of_original(original: Clip, fake: Clip, sampled: Sampled) -> np.ndarray | None:
    """Return uint8 [T, S, S, 3], the same crops of the original; None if it was cut differently.

    Pixels match only if a fake was cut with the boxes of its original, at the same times.
    """
    with original.opened():
        if original.meta.persons != fake.meta.persons:
            return None
        crops = [original.crop(person, position) for person, position in sampled.picks]
    return np.stack(crops) if crops else None


def collate(items: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """Return a batch: faces and sound padded to the longest item, masks False over the padding.

    A modality that no item has is left out of the batch.
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
    # These have one row per face or per window of sound, and share their masks.
    for key in ("landmarks", "persons", "crop_sound", "frame_labels", "window_labels"):
        rows = [item[key] for item in items if key in item]
        if any(row.numel() for row in rows):
            batch[key], _ = _pad(rows)
    return batch


def _pad(rows: Sequence[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    shape = max(row.shape[1:] for row in rows)
    lengths = torch.tensor([len(row) if row.numel() else 0 for row in rows])
    # An item without this stream has rows of no width, or none at all.
    full = [row if row.numel() else row.new_zeros((len(row), *shape)) for row in rows]
    # One alone is not copied: the windows of long speech take much memory.
    padded = pad_sequence(full, batch_first=True) if len(full) > 1 else full[0][None]
    return padded, torch.arange(padded.shape[1]) < lengths[:, None]
