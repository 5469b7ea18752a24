"""Prepared folders -> examples with labels, weights, a split and a fold."""

import hashlib
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from avfake.clips import ClipEntry, PreparedClip, PreparedFolder
from avfake.datasets import Manifest, Row, assign_splits
from avfake.errors import ConfigError, ManifestError, check_choice, nearest
from avfake.labels import OUTPUTS, Labels, Output
from avfake.storage import AnyPath, write_table
from avfake.training.config import DataConfig

logger = logging.getLogger(__name__)
CLASSES = {False: "genuine", True: "fake"}


@dataclass(frozen=True)
class Example:
    """One prepared clip with its labels."""

    row: Row
    """clip_id, original and group are unique over all folders of the run."""
    folder: str
    """Name of the prepared folder it comes from."""
    archive: AnyPath
    has_visual: bool
    has_audio: bool
    labels: Labels
    weights: Labels
    """0 = unknown; `assume_face_weight` for a face that is only assumed to be fake."""
    partner: AnyPath | None = None
    """Archive of the genuine original of a fake, where that was prepared too."""

    @property
    def entry(self) -> ClipEntry:
        row = self.row
        return ClipEntry(self.archive, self.labels, self.weights, self.partner, row.segments)

    def has_label(self, output: Output) -> bool:
        """Return whether this clip has a label for an output, and the modality that shows it."""
        shown = Labels(self.has_visual or self.has_audio, self.has_visual, self.has_audio)
        return bool(getattr(shown, output)) and getattr(self.weights, output) > 0


@dataclass(frozen=True)
class Plan:
    """Training, validation and test clips, and the fold in which a training clip is held out."""

    splits: Mapping[str, tuple[Example, ...]]
    """"train", "val", "test"."""
    folds: Mapping[str, int]
    """clip_id -> fold, for the training clips; those that no model leaves out are not in it."""
    folders: tuple[str, ...]
    """Names of all folders of the run, in their order."""

    @property
    def hash(self) -> str:
        """Short fingerprint of splits and folds, to publish beside a number."""
        split_of = {e.row.clip_id: name for name, es in self.splits.items() for e in es}
        return split_hash({i: f"{name} {self.folds.get(i)}" for i, name in split_of.items()})

    @property
    def data(self) -> str:
        """Datasets, and numbers of clips to train, validate and test on."""
        datasets = sorted({e.row.dataset for clips in self.splits.values() for e in clips})
        sizes = "/".join(str(len(self.splits[name])) for name in ("train", "val", "test"))
        return f"{' + '.join(datasets)} {sizes}"

    def save_manifest(self, path: Path, split: str) -> None:
        """Write a manifest of the files of one split."""
        rows = tuple(example.row for example in self.splits[split])
        Manifest(rows, " + ".join(dict.fromkeys(r.dataset for r in rows))).save(path)

    @property
    def one_class_folders(self) -> dict[str, str]:
        """Folder -> the only class that it trains."""
        trained = {(e.folder, bool(e.row.label)) for e in self.splits["train"]}
        alone = Counter(folder for folder, _ in trained)
        return {name: CLASSES[(name, True) in trained] for name in self.folders if alone[name] == 1}

    def inside(self, fold: int) -> list[Example]:
        """Return the training clips of a fold."""
        return [e for e in self.splits["train"] if self.folds.get(e.row.clip_id) == fold]

    def outside(self, fold: int) -> list[Example]:
        """Return the training clips of the other folds, and those in none."""
        return [e for e in self.splits["train"] if self.folds.get(e.row.clip_id) != fold]

    def seen_groups(self, fold: int) -> frozenset[str]:
        """Return the groups of all clips that the model without this fold sees."""
        return frozenset(e.row.group for e in (*self.outside(fold), *self.splits["val"]))

    def save(self, path: Path) -> None:
        """Write the plan as a table, one row a clip."""
        columns = ("clip_id", "split", "fold", "group")
        rows = [
            (e.row.clip_id, split, self.folds.get(e.row.clip_id), e.row.group)
            for split, examples in self.splits.items()
            for e in examples
        ]
        write_table(path, columns, [dict(zip(columns, row, strict=True)) for row in rows])


def split_hash(assignment: Mapping[str, str]) -> str:
    """Return 12 hex digits that stand for exactly this division, to publish with a number."""
    lines = "".join(f"{clip_id}\t{side}\n" for clip_id, side in sorted(assignment.items()))
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()[:12]


def gather(folders: Sequence[PreparedFolder], *, assume_face_weight: float) -> list[Example]:
    """Return every usable clip of the folders; ConfigError if they were prepared differently."""
    if not folders:
        raise ConfigError("no clips were given; name a folder made by avfake prepare")
    hashes = {folder.config.hash: str(folder.path) for folder in folders}
    if len(hashes) > 1:
        raise ConfigError(
            "these folders were prepared with different settings and cannot be joined: "
            + ", ".join(f"{path} ({found})" for found, path in hashes.items())
        )
    names = [folder.name for folder in folders]
    if len(set(names)) < len(names):
        raise ConfigError(f"folders of one run need different names, got {names}")
    found = [(clip, folder.name) for folder in folders for clip in folder.clips]
    if len(folders) > 1:
        found = [(replace(c, row=_renamed(c.row, name)), name) for c, name in found]
    examples = [_example(clip, name, assume_face_weight) for clip, name in found]
    archives = {example.row.clip_id: example.archive for example in examples}
    return [replace(e, partner=archives.get(e.row.original or "")) for e in examples]


def make_plan(examples: Sequence[Example], data: DataConfig, *, seed: int) -> Plan:
    """Return splits and folds that divide no group; ManifestError if there are too few clips.

    seed: of the run; `data.split_seed` replaces it

    Clips of the methods of `data.leave_out` are in no split but "test". Folds are balanced among
    the clips of `data.calibrate_on`; clips of other folders are held out with those of their group,
    or never.
    """
    seed = seed if data.split_seed is None else data.split_seed
    usable = [example for example in examples if example.has_label("overall")]
    if not usable:
        raise ManifestError("no clip has both a label and picture or sound; nothing to learn from")
    _check_methods(usable, data.leave_out)
    rows = [e.row for e in usable]
    train_share = 1.0 - (data.val_share + data.test_share)
    shares = {"train": train_share, "val": data.val_share, "test": data.test_share}
    wanted = {name: share for name, share in shares.items() if share}
    assigned = assign_splits(rows, wanted, seed=seed, parts=data.parts)
    splits = {
        name: tuple(
            e
            for e in usable
            if assigned.get(e.row.clip_id) == name
            and (name == "test" or e.row.method not in data.leave_out)
        )
        for name in shares
    }
    for name, members in splits.items():
        if not members and (data.parts or shares[name]):
            raise ManifestError(f"the {name} split is empty: {len(usable)} clips are too few")
    folders = tuple(dict.fromkeys(e.folder for e in examples))
    for name in data.calibrate_on:
        check_choice("a folder of data.calibrate_on", name, folders)
    train, chosen = splits["train"], data.calibrate_on or folders
    calibrated = {e.row.clip_id for e in train if e.folder in chosen}
    equal = dict.fromkeys(range(data.num_folds), 1 / data.num_folds)
    folds = assign_splits([e.row for e in train], equal, seed=seed, counted=calibrated)
    return Plan(splits, folds, folders)


def trainable_outputs(examples: Sequence[Example]) -> dict[str, bool]:
    """Return which outputs have both classes among these clips; log why the others have not."""
    trainable: dict[str, bool] = {}
    for output in OUTPUTS:
        known = [getattr(e.labels, output) for e in examples if e.has_label(output)]
        num_fake = int(sum(known))
        trainable[output] = 0 < num_fake < len(known)
        if not trainable[output]:
            logger.warning(
                "the %s head stays untrained: %d genuine and %d fake clips have a label for it, "
                "both are needed; its probability will be None with the reason not_trained",
                *(output, len(known) - num_fake, num_fake),
            )
    return trainable


def check_classes(plan: Plan) -> None:
    """Log the classes of each folder; ManifestError if there is only one to learn from."""
    train = plan.splits["train"]
    total = Counter(bool(e.row.label) for e in train)
    if not total[False] or not total[True]:
        raise ManifestError(
            f"{total[False]} genuine and {total[True]} fake clips to train on: both are needed. "
            "The other class may come from another dataset: --clips one/ --clips other/"
        )
    if len(plan.folders) > 1:
        counts = Counter((e.folder, bool(e.row.label)) for e in train)
        for name in plan.folders:
            told = "%s: %d genuine, %d fake clips to train on"
            logger.info(told, name, counts[name, False], counts[name, True])
    lacking = plan.one_class_folders
    if lacking:
        logger.warning(
            "one class only in %s: there the dataset itself gives the label away (its codec, its "
            "acoustics, its faces), and the scores on clips of the same datasets will be too good; "
            "measure on a dataset that has both classes",
            ", ".join(lacking),
        )
    if len({e.row.label for e in plan.splits["val"]}) == 1:
        logger.warning("the val split has one class only; the best epoch is selected by it alone")


def log_assumptions(examples: Sequence[Example], assume_face_weight: float) -> None:
    """Log how many labels are assumed and not known."""
    count = sum(e.row.face_fake is None and e.weights.face > 0 for e in examples)
    if count:
        logger.warning(
            "%d fakes do not say what was forged: their face is assumed forged, with loss weight "
            "%g (--data.assume-face-weight 0 switches that off); their voice stays unknown",
            count,
            assume_face_weight,
        )


def _check_methods(examples: Sequence[Example], leave_out: Sequence[str]) -> None:
    known = sorted({e.row.method for e in examples if e.row.label and e.row.method})
    for method in leave_out:
        if method not in known:
            raise ConfigError(
                f"no fake was made by {method!r}{nearest(method, known)}; methods of these clips: "
                f"{', '.join(known) or 'none is named'}"
            )


def _renamed(row: Row, folder: str) -> Row:
    return replace(
        row,
        clip_id=f"{folder}/{row.clip_id}",
        group=f"{row.dataset}/{row.group}",
        original=f"{folder}/{row.original}" if row.original else None,
    )


def _example(clip: PreparedClip, folder: str, assume_face_weight: float) -> Example:
    row = clip.row
    known = (row.label, row.face_fake, row.voice_fake)
    labels = Labels(*(float(bool(label)) for label in known))
    weights = Labels(*(float(label is not None) for label in known))
    if row.label and row.face_fake is None and row.voice_fake is None:
        # DFDC: nine fakes in ten are face swaps, but no row says so.
        labels, weights = labels._replace(face=1.0), weights._replace(face=assume_face_weight)
    return Example(row, folder, clip.archive, clip.has_visual, clip.has_audio, labels, weights)
