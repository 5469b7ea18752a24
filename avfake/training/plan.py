"""Prepared folders come in; examples with labels, weights, a split and a fold go out."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from avfake.clips import ClipEntry, PreparedClip, PreparedFolder
from avfake.config import nearest
from avfake.datasets import Row, assign_folds, assign_splits, check_groups, split_hash
from avfake.errors import ConfigError, ManifestError
from avfake.labels import OUTPUTS, Labels, Output
from avfake.storage import AnyPath, write_table

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Example:
    """One prepared clip with what may be learned from it."""

    row: Row
    """clip_id, original and group are unique over all folders joined."""
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

    def knows(self, output: Output) -> bool:
        """Whether this clip has a label for an output, and the stream that shows it."""
        shown = {
            "overall": self.has_visual or self.has_audio,
            "face": self.has_visual,
            "voice": self.has_audio,
        }
        return shown[output] and getattr(self.weights, output) > 0


@dataclass(frozen=True)
class Plan:
    """Who trains, who chooses, who tests; and in which fold a training clip is held out."""

    splits: Mapping[str, tuple[Example, ...]]
    """"train", "val", "test"."""
    folds: Mapping[str, int]
    """clip_id -> fold, for the training clips; those that no model leaves out are not in it."""
    folders: tuple[str, ...]
    """Names of the folders joined, in their order."""

    @property
    def hash(self) -> str:
        """Short fingerprint of who is in which split and fold, to publish beside a number."""
        split_of = {e.row.clip_id: name for name, es in self.splits.items() for e in es}
        return split_hash({i: f"{name} {self.folds.get(i)}" for i, name in split_of.items()})

    def save(self, path: Path) -> None:
        """Write the plan as a table, one row a clip."""
        rows = [
            {
                "clip_id": example.row.clip_id,
                "split": split,
                "fold": self.folds.get(example.row.clip_id),
                "group": example.row.group,
            }
            for split, examples in self.splits.items()
            for example in examples
        ]
        write_table(path, ("clip_id", "split", "fold", "group"), rows)


def gather(folders: Sequence[PreparedFolder], *, assume_face_weight: float) -> list[Example]:
    """Every usable clip of the folders; ConfigError if they were prepared differently."""
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
        raise ConfigError(f"folders joined in one run need different names, got {names}")
    examples = [
        _example(
            _renamed(clip, folder.name, joined=len(folders) > 1),
            folder.name,
            assume_face_weight,
        )
        for folder in folders
        for clip in folder.clips
    ]
    archives = {example.row.clip_id: example.archive for example in examples}
    return [replace(e, partner=archives.get(e.row.original or "")) for e in examples]


def make_plan(
    examples: Sequence[Example],
    *,
    fractions: Mapping[str, float],
    num_folds: int,
    seed: int,
    parts: Mapping[str, str] | None = None,
    leave_out: Sequence[str] = (),
    calibrate_on: Sequence[str] = (),
) -> Plan:
    """Splits and folds that tear no group apart; ManifestError if there is too little for them.

    fractions: of "train", "val", "test"; a split of 0 is empty
    leave_out: methods of forging whose clips are in no split but "test".
    calibrate_on: folders among whose clips the folds are balanced; () = all. Clips of the others
        are held out with those that they belong to, or never.
    """
    usable = [example for example in examples if example.knows("overall")]
    if not usable:
        raise ManifestError("no clip has both a label and a stream to judge; nothing to learn from")
    _check_methods(usable, leave_out)
    rows = [example.row for example in usable]
    shares = {name: share for name, share in fractions.items() if share}
    assigned = assign_splits(rows, shares, seed=seed, parts=dict(parts) if parts else None)
    check_groups(rows, assigned)
    splits = {
        name: tuple(
            e
            for e in usable
            if assigned.get(e.row.clip_id) == name
            and (name == "test" or e.row.method not in leave_out)
        )
        for name in fractions
    }
    for name, members in splits.items():
        if not members and (parts or fractions[name]):
            raise ManifestError(f"the {name} split is empty: {len(usable)} clips are too few")
    folders = tuple(dict.fromkeys(e.folder for e in examples))
    for name in calibrate_on:
        if name not in folders:
            raise ConfigError(
                f"data.calibrate_on names {name!r}, which is not among the folders joined"
                f"{nearest(name, folders)}; they are: {', '.join(folders)}"
            )
    judged = {
        e.row.clip_id for e in splits["train"] if not calibrate_on or e.folder in calibrate_on
    }
    folds = assign_folds([e.row for e in splits["train"]], num_folds, seed=seed, counted=judged)
    return Plan(splits, folds, folders)


def trainable_outputs(examples: Sequence[Example]) -> dict[str, bool]:
    """Which outputs have both classes among these clips; says of each other one why not."""
    trainable: dict[str, bool] = {}
    for output in OUTPUTS:
        known = [getattr(e.labels, output) for e in examples if e.knows(output)]
        num_fake = int(sum(known))
        trainable[output] = 0 < num_fake < len(known)
        if not trainable[output]:
            logger.warning(
                "the %s head stays untrained: %d genuine and %d fake clips have a label for it, "
                "both are needed; its probability will be None with the reason not_trained",
                output,
                len(known) - num_fake,
                num_fake,
            )
    return trainable


def check_classes(plan: Plan) -> None:
    """Say which class comes from which folder; ManifestError if there is but one to learn from."""
    counts = {name: {False: 0, True: 0} for name in plan.folders}
    for example in plan.splits["train"]:
        counts[example.folder][bool(example.row.label)] += 1
    num_genuine = sum(found[False] for found in counts.values())
    num_fake = sum(found[True] for found in counts.values())
    if not num_genuine or not num_fake:
        raise ManifestError(
            f"{num_genuine} genuine and {num_fake} fake clips to train on: both are needed. The "
            "other class may come from another dataset: --clips one/ --clips other/"
        )
    if len(plan.folders) > 1:
        for name, found in counts.items():
            logger.info(
                "%s: %d genuine, %d fake clips to train on", name, found[False], found[True]
            )
    lacking = [name for name, found in counts.items() if not all(found.values())]
    if lacking:
        logger.warning(
            "one class only in %s: there the dataset itself gives the label away (its codec, its "
            "rooms, its faces), and the scores on clips of the same datasets will flatter; measure "
            "on a dataset that has both classes",
            ", ".join(lacking),
        )
    if len({e.row.label for e in plan.splits["val"]}) == 1:
        logger.warning("the val split has one class only; the best epoch is chosen by that alone")


def log_assumptions(examples: Sequence[Example], assume_face_weight: float) -> None:
    """Say how many labels are assumed and not known."""
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


def _renamed(clip: PreparedClip, folder: str, *, joined: bool) -> PreparedClip:
    if not joined:
        return clip
    row = clip.row
    original = f"{folder}/{row.original}" if row.original else None
    return replace(
        clip,
        row=replace(
            row,
            clip_id=f"{folder}/{row.clip_id}",
            group=f"{row.dataset}/{row.group}",
            original=original,
        ),
    )


def _example(clip: PreparedClip, folder: str, assume_face_weight: float) -> Example:
    row = clip.row
    face, face_weight = row.face_fake, 1.0
    if row.label and row.face_fake is None and row.voice_fake is None:
        # DFDC: nine fakes in ten are face swaps (features.md 3e), but no row says so.
        face, face_weight = True, assume_face_weight
    columns: list[tuple[bool | None, float]] = [
        (row.label, 1.0),
        (face, face_weight),
        (row.voice_fake, 1.0),
    ]
    return Example(
        row,
        folder,
        clip.archive,
        clip.has_visual,
        clip.has_audio,
        Labels(*(float(bool(label)) for label, _ in columns)),
        Labels(*(0.0 if label is None else weight for label, weight in columns)),
    )
