"""Settings of training a detector; recipes show them as flags."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro
import yaml

from avfake.augment import AugmentConfig
from avfake.calibration import StackConfig
from avfake.clips import ClipConfig, InputSpec
from avfake.config import change, from_dict
from avfake.errors import ConfigError, check_choice, check_ranges
from avfake.models import AudioConfig, FusionConfig, ModelConfig, SyncConfig, VisualConfig
from avfake.training.fit_config import FitConfig

PRESETS = Path(__file__).with_name("presets.yaml")
"""Named settings of training, with their sources."""


class NoBranchError(ConfigError):
    """No branch is left to train, by flags or for want of labels."""


@dataclass(frozen=True)
class DataConfig:
    """Which clips are learned from, and how much of a clip at once."""

    num_folds: int = 3
    """Models, each trained without one fold of the training clips. The stacker learns from the
    scores of each fold by the model that has not seen it; the detector averages the models."""
    trained_folds: int = 0
    """Train only the first of these models; 0 = all. 1 = a single model, calibrated on the one
    fold it has not seen."""
    split_seed: int | None = None
    """Seed of splits and folds, where runs with other seeds share them; None = `seed`."""
    val_share: float = 0.15
    """Share of the clips that selects the best epoch, and shows how much surer the average of the
    models is than one; 0 = keep the last epoch, validate on the fold that a model has not seen, and
    take the average to be as sure as one."""
    test_share: float = 0.2
    """Share of the clips that is never used in training; 0 = none: measure out of fold."""
    train_parts: str = ""
    """Folder numbers that train, such as 0-39; with the two below, in place of a random split."""
    val_parts: str = ""
    test_parts: str = ""
    calibrate_on: tuple[str, ...] = ()
    """Folders whose clips are scored out of fold, to stack, calibrate and decide by; () = all. The
    others only train, such as one's own forgeries."""
    leave_out: tuple[str, ...] = ()
    """Forgery methods that are kept out of training and validation, so that the test shows how an
    unknown one is detected."""
    num_frames: int = 8
    """Crops drawn from a clip each time; 1 = one random frame a video."""
    num_windows: int = 2
    """Windows of sound drawn from a clip each time."""
    window_seconds: float = 2.0
    batch_size: int = 16
    """Clips."""
    passes: int = 1
    """Passes over the clips in an epoch, with other draws each time; more for small sets, where
    validating after every pass would take longer than training."""
    loader_workers: int = 0
    """Processes that read clips for training, the same number again for validation; 0 = read in
    the training process. The same batches either way (docs/training_at_scale.md)."""
    loader_prefetch: int = 2
    """Batches that each of these processes reads ahead."""
    feature_copies: int | None = None
    """Where the backbones are frozen (tune none): copies of each clip, drawn and augmented, whose
    features are computed once, on disk, beside those of the clip as it is; epochs then take
    minutes. None = the backbones run in every epoch."""
    feature_folder: str = ""
    """Folder of these features, which runs may share; by default features/ in the run folder."""
    keep_groups: bool = False
    """Put a fake into the batch of its original, so that every step compares them; needs several
    fakes and originals to a batch, and undersample off."""
    undersample: bool = True
    """Take as many fakes as genuine clips each epoch, others each time."""
    dataset_weights: tuple[str, ...] = ()
    """How often an epoch contains the clips of each folder, as FOLDER=NUMBER (1 where not named)
    or one number a folder, in their order: 0.5 = every other epoch, 2 = twice in each."""
    group_power: float = 0.0
    """How much rarer a clip of a large group comes: of a group of n clips, n ** -group_power as
    often as the clip of a group of one. 0 = all clips alike, 1 = all groups alike."""
    assume_face_weight: float = 1.0
    """Loss weight of "the face is forged" for fakes of unknown kind; 0 = unknown."""

    def __post_init__(self) -> None:
        check_ranges(
            self,
            "data",
            num_folds="[2, inf)",
            trained_folds=f"[0, {self.num_folds}]",
            val_share="[0, 1)",
            test_share="[0, 1)",
            loader_workers="[0, inf)",
            loader_prefetch="[1, inf)",
            group_power="[0, 1]",
            assume_face_weight="[0, 1]",
        )
        if not 0 <= (self.feature_copies or 0) <= 1000:
            raise ConfigError(
                f"data.feature_copies must be None or in [0, 1000], got {self.feature_copies}"
            )
        if self.val_share + self.test_share >= 1:
            raise ConfigError(
                f"val_share {self.val_share} and test_share {self.test_share} leave nothing to "
                "train on; their sum must be below 1"
            )
        if len({bool(p) for p in (self.train_parts, self.val_parts, self.test_parts)}) > 1:
            raise ConfigError("give train_parts, val_parts and test_parts together, or none")
        if self.keep_groups and self.undersample:
            raise ConfigError("keep_groups needs whole groups: add --data.no-undersample")
        if len({name is None for name, _ in map(_folder_weight, self.dataset_weights)}) > 1:
            raise ConfigError(
                f"dataset_weights must all name their folder, or none of them; got "
                f"{' '.join(self.dataset_weights)}"
            )

    def input_spec(self, clip: ClipConfig) -> InputSpec:
        """Return the input of a model for clips that were prepared with these settings."""
        return InputSpec(clip, self.num_frames, self.num_windows, self.window_seconds)

    def weights_of(self, folders: Sequence[str]) -> dict[str, float]:
        """Return folder name -> how often an epoch contains its clips; ConfigError for others.

        folders: names of all folders of the run, in their order
        """
        given = [_folder_weight(one) for one in self.dataset_weights]
        if given and given[0][0] is None:
            if len(given) != len(folders):
                raise ConfigError(
                    f"dataset_weights has {len(given)} numbers for {len(folders)} "
                    f"folders ({', '.join(folders)}); give one for each, or FOLDER=NUMBER"
                )
            given = [(name, n) for name, (_, n) in zip(folders, given, strict=True)]
        for name, _ in given:
            check_choice("a folder of data.dataset_weights", str(name), folders)
        return dict.fromkeys(folders, 1.0) | {str(name): number for name, number in given}

    @property
    def num_models(self) -> int:
        """How many are trained."""
        return self.trained_folds or self.num_folds

    @property
    def parts(self) -> dict[str, str] | None:
        """Split -> folder numbers; None for a random split."""
        if not self.train_parts:
            return None
        return {"train": self.train_parts, "val": self.val_parts, "test": self.test_parts}


@dataclass(frozen=True)
class LossConfig:
    """Weights of the parts of the loss; each but sync is a masked binary cross-entropy."""

    overall: float = 1.0
    face: float = 1.0
    voice: float = 1.0
    frames: float = 0.5
    """Every single crop against the face label."""
    windows: float = 0.5
    """Every single window against the voice label."""
    sync: float = 1.0
    """Contrastive loss of genuine lips and sound, where there is a sync branch."""
    smoothing: float = 0.01
    """How far labels are moved towards one half (the DFDC winner's value)."""
    class_separate: bool = False
    """Average fakes and genuine clips of a batch separately, one half each (the DFDC winner's
    loss)."""
    trim_fakes: float = 0.0
    """Share of the fakes of a batch, those of the highest loss, that do not count: for one-sided
    label noise, as in DFDC, where only the voice of a fake or only another person may be forged."""

    def __post_init__(self) -> None:
        check_ranges(self, "loss", smoothing="[0, 1)", trim_fakes="[0, 1)")


@dataclass(frozen=True)
class TrainingConfig:
    """From prepared clips to a detector."""

    visual: VisualConfig = field(default_factory=VisualConfig)
    audio: AudioConfig = field(default_factory=AudioConfig)
    fusion: FusionConfig = field(default_factory=FusionConfig)
    sync: SyncConfig = field(default_factory=SyncConfig)
    use_sync: Annotated[bool, tyro.conf.arg(name="sync")] = False
    """Compare lips and sound too (`sync.*`); needs several crops of a clip at once."""
    use_visual: Annotated[bool, tyro.conf.arg(name="visual")] = True
    """Learn from the picture; --no-visual leaves the branch out."""
    use_audio: Annotated[bool, tyro.conf.arg(name="audio")] = True
    """Learn from the sound; --no-audio leaves the branch out."""
    use_stacker: Annotated[bool, tyro.conf.arg(name="stacker")] = True
    """Try a LightGBM stacker; --no-stacker keeps the calibrated fusion head."""
    data: DataConfig = field(default_factory=DataConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    fit: FitConfig = field(default_factory=FitConfig)
    stack: StackConfig = field(default_factory=StackConfig)
    seed: int = 0
    """Seed of splits, folds, draws and weights; those of `fit` and `stack` follow from it."""

    def __post_init__(self) -> None:
        if self.use_sync and self.data.num_frames < self.sync.min_crops:
            raise ConfigError(
                f"--sync compares {self.sync.min_crops} crops of a clip or more, data.num_frames "
                f"is {self.data.num_frames}"
            )
        if self.data.feature_copies is not None:
            self._check_features()
        has_val = self.data.val_share or self.data.parts
        if not has_val and self.fit.first_best_epoch < self.fit.epochs:
            raise ConfigError(
                "with data.val_share 0 no clips select an epoch, the last must be kept: add "
                f"--fit.first-best-epoch {self.fit.epochs}, got {self.fit.first_best_epoch}"
            )

    @classmethod
    def preset(cls, name: str, changes: Mapping[str, Any] | None = None) -> "TrainingConfig":
        """Return the settings that presets.yaml names so, with changes as for `changed`."""
        presets = yaml.safe_load(PRESETS.read_text(encoding="utf-8"))
        check_choice("preset", name, presets)
        base = presets.get(presets[name].get("base"), {}).get("config", {})
        settings = {
            key: {**base.get(key, {}), **own} if isinstance(own, dict) else own
            for key, own in presets[name]["config"].items()
        }
        return from_dict(cls, base | settings).changed(changes or {})

    def _check_features(self) -> None:
        """Raise ConfigError unless features can be computed before training."""
        used = {"visual": self.use_visual, "audio": self.use_audio}
        for name in [name for name, is_used in used.items() if is_used]:
            if (tune := getattr(self, name).tune) != "none":
                raise ConfigError(
                    "data.feature_copies computes features once, of frozen backbones: add "
                    f"--{name}.tune none, got {tune}"
                )
        mix = self.augment.mix
        if self.use_sync or mix.pair_rate + mix.mixup_rate + mix.cutmix_rate > 0:
            raise ConfigError("data.feature_copies works without --sync and augment.mix only")

    def changed(self, changes: Mapping[str, Any]) -> "TrainingConfig":
        """Return these settings with changes under dotted names, such as "fit.epochs"."""
        return change(self, changes)

    def model(self, trainable: dict[str, bool]) -> ModelConfig:
        """Return the model to train; ConfigError if the flags leave no branch.

        A voice branch without voice labels would learn from the label of the video, which is
        wrong for nine DFDC fakes in ten: it is left out, and so is a face branch
        in the same position.
        """
        visual = self.visual if self.use_visual and trainable["face"] else None
        audio = self.audio if self.use_audio and trainable["voice"] else None
        if visual is None and audio is None:
            flags = f"visual {self.use_visual}, audio {self.use_audio}"
            labels = ", ".join(f"{name} {ok}" for name, ok in trainable.items())
            raise NoBranchError(
                f"no branch is left to train (flags: {flags}; labels of both classes: {labels})"
            )
        # With one switched off, lips and sound cannot be compared; with one untrained, they can.
        sync = self.sync if self.use_sync and self.use_visual and self.use_audio else None
        return ModelConfig(visual=visual, audio=audio, fusion=self.fusion, sync=sync)


def _folder_weight(given: str) -> tuple[str | None, float]:
    """Return the folder, where it is named, and the number of one of `dataset_weights`."""
    name, is_named, number = given.rpartition("=")
    try:
        weight = float(number)
    except ValueError:
        weight = 0.0
    if not 0 < weight < float("inf"):
        raise ConfigError(
            f"dataset_weights must be FOLDER=NUMBER or numbers above 0, got {given!r}"
        )
    return name if is_named else None, weight
