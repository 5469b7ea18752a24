"""Features of frozen backbones, computed once for many trainings of the layers above them.

The crops and the sound of a clip are two streams, each with files of its own: the features of the
whole stream, and those of each copy of it, drawn and augmented as training draws them. A file is
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
from avfake.models import AVModel, runtime_of
from avfake.parallel import progress
from avfake.storage import replacing
from avfake.training.config import TrainingConfig
from avfake.training.plan import Example

VERSION = 3
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
        self.num_copies = config.data.feature_copies or 0
        whole = replace(sampling, use_visual=True, use_audio=True)
        whole = replace(whole, num_frames=None, num_windows=None)
        self.folders = {}
        for branch, one in model.frozen.items():
            deciding = {
                "version": VERSION,
                "weights": weights_hash(one.network),
                "branch": _reading(to_dict(getattr(model.config, branch))),
                "sampling": to_dict(whole),
            }
            # Whole streams are neither drawn nor augmented.
            drawn = deciding | _drawing(config, branch)
            self.folders[branch] = (folder / fingerprint(deciding), folder / fingerprint(drawn))
        self._keys: dict[tuple[str, str], StreamKey] = {}
        self._read: dict[Path, Features] = {}

    def compute(self, examples: Sequence[Example], *, workers: int = 0) -> None:
        """Compute the features of all streams of the examples that are not there yet.

        workers: processes that read and augment
        """
        streams = {key: e for e in examples for key in self.keys_of(e)}
        copies = range(self.num_copies + 1)
        wanted = [(key, e, copy) for key, e in streams.items() for copy in copies]
        missing = [one for one in wanted if not self._path(one[0], one[2]).is_file()]
        for branch in self.model.frozen if missing else ():
            getattr(self.model, branch).prepare_inference(runtime_of())
        loader = DataLoader(
            _Copies(missing, self.config, self.sampling),
            batch_size=None,
            num_workers=workers,
            multiprocessing_context="spawn" if workers else None,
        )
        for (key, _, copy), batch in zip(
            missing, progress(loader, desc="features", unit="stream"), strict=True
        ):
            self._save(key, copy, batch)

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
        path = self._path(key, copy)
        if path not in self._read:
            stored = load_file(path)
            label, weight = stored["label"].tolist()
            rows = stored["rows"].float()
            self._read[path] = Features(rows, stored["item_labels"], label, weight)
        return self._read[path]

    def _save(self, key: StreamKey, copy: int, batch: Mapping[str, Any]) -> None:
        items, part, item_labels = BRANCHES[key.branch]
        on_gpu = self.config.fit.device == "auto" and torch.cuda.is_available()
        device = "cuda" if on_gpu else "cpu"
        branch = getattr(self.model, key.branch).to(device)
        branch.train(copy > 0)  # copies are masked, too, where the branch does that in training
        with torch.inference_mode():
            rows = branch.features(batch[items].to(device))
        position = Labels._fields.index(part)
        path = self._path(key, copy)
        label = [float(batch[name][position]) for name in ("labels", "weights")]
        stored = {"rows": rows.half().cpu(), "item_labels": batch[item_labels].float()}
        stored = {name: one.contiguous() for name, one in stored.items()}
        with replacing(path) as partial:
            save_file(stored | {"label": torch.tensor(label)}, partial)

    def _path(self, key: StreamKey, copy: int) -> Path:
        whole, copies = self.folders[key.branch]
        if not copy:
            return whole / f"{key.name}.safetensors"
        return copies / f"{key.name}-{copy}.safetensors"


class _Copies(Dataset[dict[str, Any]]):
    """Crops or sound of copies of streams, as items without features; copy 0 is the whole."""

    def __init__(
        self,
        wanted: Sequence[tuple[StreamKey, Example, int]],
        config: TrainingConfig,
        sampling: SampleConfig,
    ) -> None:
        self.wanted = [(key, example.archive, copy) for key, example, copy in wanted]
        self.config, self.sampling = config, sampling
        self.augment = build_pipeline(config.augment)

    def __len__(self) -> int:
        return len(self.wanted)

    def __getitem__(self, index: int) -> dict[str, Any]:
        key, archive, copy = self.wanted[index]
        part = BRANCHES[key.branch][1]
        labels, weights = (
            Labels(overall=one)._replace(**{part: one}) for one in (key.label, key.weight)
        )
        entry = ClipEntry(archive, labels, weights, segments=key.segments)
        is_visual = key.branch == "visual"
        sampling = replace(self.sampling, use_visual=is_visual, use_audio=not is_visual)
        if not copy:
            whole = replace(sampling, num_frames=None, num_windows=None)
            return ClipDataset([entry], whole)[0]
        # What is drawn depends on the stream alone, not on the other clips of the run.
        seed = int(fingerprint({"seed": self.config.seed, "of": key.content}), 16) + copy
        return ClipDataset([entry], sampling, seed=seed, augment=self.augment)[0]


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


def _drawing(config: TrainingConfig, branch: str) -> dict[str, Any]:
    """Return the settings that decide over the copies of the streams of a branch."""
    own, part = {"visual": ("picture", "face"), "audio": ("sound", "voice")}[branch]
    changes = to_dict(config.augment)
    items = config.data.num_frames if branch == "visual" else config.data.num_windows
    forging = {name: one for name, one in changes["forge"].items() if name.startswith(part)}
    drawn = {"items": items, "seed": config.seed, "rate": changes["rate"]}
    return {**drawn, "changes": changes[own], "forging": forging}
