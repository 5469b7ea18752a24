"""Features of frozen backbones, computed once for many trainings of the layers above them.

The crops and the sound of a clip are two streams, each with a file of its own: the features of the
whole stream, then those of copies of it, drawn and augmented as training draws them. A file is
named by the content of the stream, its label and all settings that decide it; what is there is not
computed again, also by other runs over the same folder.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from avfake.augment import build_pipeline
from avfake.clips import Clip, ClipDataset, ClipEntry, SampleConfig
from avfake.config import fingerprint, to_dict
from avfake.labels import Labels
from avfake.models import AVModel
from avfake.parallel import progress
from avfake.training.config import TrainingConfig
from avfake.training.plan import Example

VERSION = 1
"""Increased whenever code changes the features of the same clip under the same settings."""
BRANCHES = {
    "visual": ("faces", "face", "frame_labels"),
    "audio": ("sound", "voice", "window_labels"),
}
"""Branch -> the items of its stream, its label, and the labels of its items."""


class StreamKey(NamedTuple):
    """A stream of a clip: all that its features depend on, but for the settings."""

    branch: str
    content: str
    """Hash of the stored crops or sound."""
    label: float
    weight: float
    segments: tuple[Any, ...]

    @property
    def name(self) -> str:
        return fingerprint({"stream": list(self)})


@dataclass(frozen=True)
class Features:
    """Features of one copy of a stream."""

    rows: Tensor
    """float32 [N, F], one row for each crop or window."""
    labels: Tensor
    """float32 [N], label of each."""
    label: float
    """Label of the copy: 1 also where augmentation forged it."""
    weight: float


class FeatureStore:
    """The features of all streams of a run, on disk and, once read, in memory."""

    def __init__(
        self, folder: Path, model: AVModel, config: TrainingConfig, sampling: SampleConfig
    ) -> None:
        """
        Args:
            folder: may hold features of other settings too
            model: of which the backbones are taken
            sampling: what is drawn from a clip in training
        """
        self.model, self.config, self.sampling = model, config, sampling
        self.num_copies = config.data.feature_copies
        deciding = {
            "version": VERSION,
            "weights": {name: weights_hash(one.network) for name, one in model.frozen.items()},
            "visual": model.config.visual and _reading(to_dict(model.config.visual)),
            "audio": model.config.audio and _reading(to_dict(model.config.audio)),
            "augment": to_dict(config.augment),
            "sampling": to_dict(sampling),
            "copies": self.num_copies,
            "seed": config.seed,
        }
        self.folder = folder / fingerprint(deciding)
        self._keys: dict[tuple[str, str], StreamKey] = {}
        self._read: dict[StreamKey, dict[str, Tensor]] = {}

    def compute(self, examples: Sequence[Example], *, workers: int = 0) -> None:
        """Compute the features of all streams of the examples that are not there yet.

        workers: processes that read and augment
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        streams = {key: e for e in examples for key in self.keys_of(e)}
        missing = {key: e for key, e in streams.items() if not self._path(key).is_file()}
        loader = DataLoader(
            _Streams(missing, self.config, self.sampling, self.num_copies),
            batch_size=None,
            num_workers=workers,
            multiprocessing_context="spawn" if workers else None,
        )
        for key, copies in zip(
            missing, progress(loader, desc="features", unit="stream"), strict=True
        ):
            self._save(key, copies)

    def keys_of(self, example: Example) -> Iterator[StreamKey]:
        """Yield the streams of a clip that a branch reads."""
        for branch in self.model.frozen:
            known = (str(example.archive), branch)
            if known not in self._keys:
                content = stream_hash(example, branch)
                if not content:
                    continue
                part = BRANCHES[branch][1]
                segments = [s for s in example.row.segments if s.stream in (part, "both")]
                label, weight = getattr(example.labels, part), getattr(example.weights, part)
                self._keys[known] = StreamKey(branch, content, label, weight, tuple(segments))
            yield self._keys[known]

    def of(self, example: Example, copy: int) -> dict[str, Features]:
        """Return branch -> features of a copy; 0 = the whole stream as it is."""
        return {key.branch: self._copy(key, copy) for key in self.keys_of(example)}

    def whole(self, example: Example) -> dict[str, Tensor]:
        """Return the features of the whole clip under their keys in a batch."""
        return {
            f"{BRANCHES[branch][0]}_features": features.rows
            for branch, features in self.of(example, 0).items()
        }

    def _copy(self, key: StreamKey, copy: int) -> Features:
        if key not in self._read:
            self._read[key] = load_file(self._path(key))
        stored = self._read[key]
        label, weight = stored[f"label_{copy}"].tolist()
        return Features(stored[f"rows_{copy}"].float(), stored[f"items_{copy}"], label, weight)

    def _save(self, key: StreamKey, copies: Sequence[Mapping[str, Any]]) -> None:
        items, part, item_labels = BRANCHES[key.branch]
        on_gpu = self.config.fit.device == "auto" and torch.cuda.is_available()
        device = "cuda" if on_gpu else "cpu"
        branch = getattr(self.model, key.branch).to(device)
        stored = {}
        for number, copy in enumerate(copies):
            with torch.inference_mode():
                rows = branch.features(copy[items].to(device))
            position = Labels._fields.index(part)
            stored[f"rows_{number}"] = rows.half().cpu().contiguous()
            stored[f"items_{number}"] = copy[item_labels].float().contiguous()
            stored[f"label_{number}"] = torch.stack(
                [copy["labels"][position].float(), copy["weights"][position].float()]
            )
        partial = self._path(key).with_suffix(".partial")
        save_file(stored, partial)
        partial.replace(self._path(key))

    def _path(self, key: StreamKey) -> Path:
        return self.folder / f"{key.name}.safetensors"


class _Streams(Dataset[list[dict[str, Any]]]):
    """For each stream its whole and its copies, as batches without features."""

    def __init__(
        self,
        streams: Mapping[StreamKey, Example],
        config: TrainingConfig,
        sampling: SampleConfig,
        num_copies: int,
    ) -> None:
        self.streams = [(key, example.archive) for key, example in streams.items()]
        self.config, self.sampling, self.num_copies = config, sampling, num_copies
        self.augment = build_pipeline(config.augment)

    def __len__(self) -> int:
        return len(self.streams)

    def __getitem__(self, index: int) -> list[dict[str, Any]]:
        key, archive = self.streams[index]
        part = BRANCHES[key.branch][1]
        labels = Labels(overall=key.label)._replace(**{part: key.label})
        weights = Labels(overall=key.weight)._replace(**{part: key.weight})
        entry = ClipEntry(archive, labels, weights, segments=key.segments)
        sampling = replace(
            self.sampling, use_visual=key.branch == "visual", use_audio=key.branch == "audio"
        )
        whole = replace(sampling, num_frames=None, num_windows=None)
        # What is drawn depends on the stream alone, not on the other clips of the run.
        seed, augment = (
            int(fingerprint({"seed": self.config.seed, "of": key.content}), 16),
            self.augment,
        )
        copies = [
            ClipDataset([entry], sampling, seed=seed + number, augment=augment)[0]
            for number in range(1, self.num_copies + 1)
        ]
        return [ClipDataset([entry], whole)[0], *copies]


class FeatureDataset(Dataset[dict[str, Any]]):
    """Items as those of `ClipDataset`, with features in place of crops and sound.

    With a seed the copy of a clip is drawn, and from whole streams as many crops and windows as
    training draws; without, all of the whole clip is taken.
    """

    def __init__(self, store: FeatureStore, examples: Sequence[Example], seed: int | None) -> None:
        self.store, self.examples, self.seed = store, examples, seed

    def __len__(self) -> int:
        return len(self.examples)

    def __getitem__(self, which: int | tuple[int, int, int]) -> dict[str, Any]:
        epoch, position, entry = (0, which, which) if isinstance(which, int) else which
        example, rng = self.examples[entry], None
        if self.seed is not None:
            rng = np.random.default_rng([self.seed, epoch, position])
        copy = 0 if rng is None else int(rng.integers(self.store.num_copies + 1))
        item: dict[str, Any] = {"index": torch.tensor(position)}
        labels, weights = example.labels, example.weights
        for branch, features in self.store.of(example, copy).items():
            items, part, item_labels = BRANCHES[branch]
            if rng is not None and copy == 0:
                features = self._drawn(features, branch, rng)
            item[f"{items}_features"], item[item_labels] = features.rows, features.labels
            if features.label > getattr(labels, part):  # forged in this copy
                labels = labels._replace(overall=1.0, **{part: features.label})
                weights = weights._replace(overall=1.0, **{part: features.weight})
        return item | {"labels": torch.tensor(labels), "weights": torch.tensor(weights)}

    def _drawn(self, features: Features, branch: str, rng: np.random.Generator) -> Features:
        sampling = self.store.sampling
        wanted = sampling.num_frames if branch == "visual" else sampling.num_windows
        if wanted is None or len(features.rows) <= wanted:
            return features
        chosen = np.sort(rng.choice(len(features.rows), wanted, replace=False))
        return replace(features, rows=features.rows[chosen], labels=features.labels[chosen])


def collate_features(items: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
    """Return a batch: features one below the other, masks over their items."""
    batch = {key: torch.stack([i[key] for i in items]) for key in ("labels", "weights", "index")}
    for name, _, item_labels in BRANCHES.values():
        rows = [item[f"{name}_features"] for item in items if f"{name}_features" in item]
        if not rows:
            continue
        counts = torch.tensor([len(item.get(item_labels, ())) for item in items])
        mask = torch.arange(int(counts.max())) < counts[:, None]
        labels = torch.zeros(mask.shape)
        labels[mask] = torch.cat([item[item_labels] for item in items if item_labels in item])
        batch |= {f"{name}_features": torch.cat(rows), f"{name}_mask": mask, item_labels: labels}
    return batch


def stream_hash(example: Example, branch: str) -> str:
    """Return the hash of the stored crops or sound of a clip; empty where it has none."""
    if not (example.has_visual if branch == "visual" else example.has_audio):
        return ""
    prefix = "faces/" if branch == "visual" else "sound"
    digest = hashlib.sha256()
    with Clip.open(example.archive).opened() as archive:
        for name in sorted(archive.namelist()):
            if name.startswith(prefix):
                digest.update(name.encode() + archive.read(name))
    return digest.hexdigest()


def weights_hash(network: torch.nn.Module) -> str:
    """Return the hash of the weights of a network."""
    digest = hashlib.sha256()
    for name, value in network.state_dict().items():
        digest.update(name.encode() + value.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def _reading(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a branch that decide over its features, not over what reads them."""
    above = ("embedding_dim", "dropout", "head", "weights", "drop_path", "tune")
    return {key: value for key, value in settings.items() if key not in above}
