"""Every knob of making a detector, in one place; recipes show these as flags."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Annotated

import tyro

from avfake.augment import AugmentConfig
from avfake.calibration import StackConfig
from avfake.clips import ClipConfig, InputSpec
from avfake.config import nearest
from avfake.errors import ConfigError
from avfake.models import (
    MIN_CROPS,
    AudioConfig,
    FusionConfig,
    ModelConfig,
    SyncConfig,
    VisualConfig,
)
from avfake.training.fitting.config import FitConfig


@dataclass(frozen=True)
class DataConfig:
    """What is learned from, and how much of a clip at once."""

    num_folds: int = 3
    """Models trained, each without one fold of the training clips; the stacker learns from what
    each says of the fold it has not seen, the detector averages them."""
    trained_folds: int = 0
    """Train only so many of these models, the first; 0 = all. 1 = a single model, calibrated on the
    one fold it has not seen."""
    split_seed: int | None = None
    """Of splits and folds, where several runs with other seeds are to share them; None = `seed`."""
    val_share: float = 0.15
    """Of the clips, to choose the best epoch by; 0 = none chooses and the last epoch is kept, while
    the fold that a model has not seen is watched."""
    test_share: float = 0.2
    """Of the clips, never looked at in training; 0 = none; the answers out of fold measure."""
    train_parts: str = ""
    """Folder numbers that train, such as 0-39; with the two below, in place of a random split."""
    val_parts: str = ""
    test_parts: str = ""
    calibrate_on: tuple[str, ...] = ()
    """Of the folders joined, those whose clips are scored out of fold, to stack, calibrate and
    judge by; () = all. The others only train: with forgeries of one's own, say, so that what the
    detector says of its doubt comes from the fakes of others."""
    leave_out: tuple[str, ...] = ()
    """Methods of forging that are kept out of training and choosing, so that the test shows what
    an unknown one does."""
    num_frames: int = 8
    """Crops drawn from a clip each time it is seen; 1 = one random frame a video."""
    num_windows: int = 2
    """Windows of sound drawn from a clip each time it is seen."""
    window_seconds: float = 2.0
    batch_size: int = 16
    """Clips."""
    passes: int = 1
    """How often an epoch goes over the clips, with other draws each time; more for small sets,
    where validating after every pass would take longer than training."""
    loader_workers: int = 0
    """Processes that read clips beside the training, the same number again for validating; 0 = the
    training reads them itself. The same batches either way (docs/training_at_scale.md)."""
    keep_groups: bool = False
    """Put a fake into the batch of its original, so that every step sees what forging changed and
    not who is filmed; needs several fakes and originals to a batch, and undersample off."""
    undersample: bool = True
    """Take as many fakes as genuine clips each epoch, others each time."""
    dataset_weights: tuple[str, ...] = ()
    """How often an epoch sees the clips of each folder joined, as FOLDER=NUMBER (1 where not named)
    or one number a folder, in their order: 0.5 = every other epoch, 2 = twice in each."""
    assume_face_weight: float = 1.0
    """Loss weight of "the face is forged" for fakes that do not say what was; 0 = unknown."""

    def __post_init__(self) -> None:
        if self.num_folds < 2:
            raise ConfigError(f"num_folds is {self.num_folds}; out-of-fold scores need 2 or more")
        if not 0 <= self.trained_folds <= self.num_folds:
            raise ConfigError(
                f"trained_folds is {self.trained_folds}, of {self.num_folds} num_folds in all"
            )
        shares = (self.val_share, self.test_share)
        if min(shares) < 0 or sum(shares) >= 1:
            raise ConfigError(
                f"val_share {self.val_share} and test_share {self.test_share} must be 0 or more "
                "and leave something to train on"
            )
        if len({bool(p) for p in (self.train_parts, self.val_parts, self.test_parts)}) > 1:
            raise ConfigError("give train_parts, val_parts and test_parts together, or none")
        if self.keep_groups and self.undersample:
            raise ConfigError("keep_groups needs whole groups: add --data.no-undersample")
        for given in self.dataset_weights:
            if not _is_positive(given.rpartition("=")[2]):
                raise ConfigError(
                    f"dataset_weights must be FOLDER=NUMBER or numbers above 0, got {given!r}"
                )
        if len({"=" in given for given in self.dataset_weights}) > 1:
            raise ConfigError(
                f"dataset_weights must all name their folder, or none of them; got "
                f"{' '.join(self.dataset_weights)}"
            )
        if self.loader_workers < 0:
            raise ConfigError(f"loader_workers is {self.loader_workers}; allowed: 0 or more")
        if not 0 <= self.assume_face_weight <= 1:
            raise ConfigError(f"assume_face_weight is {self.assume_face_weight}; allowed: 0 to 1")

    def input_spec(self, clip: ClipConfig) -> InputSpec:
        """Return what a model is shown of clips that were prepared so."""
        return InputSpec(clip, self.num_frames, self.num_windows, self.window_seconds)

    def weights_of(self, folders: Sequence[str]) -> dict[str, float]:
        """Folder name -> how often an epoch sees its clips; ConfigError for a name not among them.

        folders: the names of the folders joined, in their order.
        """
        if not self.dataset_weights:
            return dict.fromkeys(folders, 1.0)
        if "=" not in self.dataset_weights[0]:
            if len(self.dataset_weights) != len(folders):
                raise ConfigError(
                    f"dataset_weights has {len(self.dataset_weights)} numbers for {len(folders)} "
                    f"folders ({', '.join(folders)}); give one for each, or FOLDER=NUMBER"
                )
            return dict(zip(folders, map(float, self.dataset_weights), strict=True))
        weights = dict.fromkeys(folders, 1.0)
        for given in self.dataset_weights:
            name, _, number = given.rpartition("=")
            if name not in weights:
                raise ConfigError(
                    f"dataset_weights names {name!r}, which is not among the folders joined"
                    f"{nearest(name, folders)}; they are: {', '.join(folders)}"
                )
            weights[name] = float(number)
        return weights

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
    """Finding genuine lips their sound, where there is a sync branch (`sync_contrast`)."""
    smoothing: float = 0.01
    """Labels are drawn towards the middle by this much (the DFDC winner's value)."""
    class_separate: bool = False
    """Average fakes and genuine clips of a batch apart, one half each (the DFDC winner's loss)."""
    trim_fakes: float = 0.0
    """Share of the fakes of a batch, those of the highest loss, that count for nothing. For noise
    that lies on one side, as in DFDC: a genuine clip is genuine, but a fake may be one of the voice
    alone, or the crop one of a second person who was not touched."""

    def __post_init__(self) -> None:
        for name in ("smoothing", "trim_fakes"):
            if not 0 <= getattr(self, name) < 1:
                raise ConfigError(f"loss.{name} must be in [0, 1), got {getattr(self, name)}")


@dataclass(frozen=True)
class TrainingConfig:
    """From prepared clips to a detector."""

    visual: VisualConfig = field(default_factory=VisualConfig)
    audio: AudioConfig = field(default_factory=AudioConfig)
    fusion: FusionConfig = field(default_factory=FusionConfig)
    sync: SyncConfig = field(default_factory=SyncConfig)
    use_sync: Annotated[bool, tyro.conf.arg(name="sync")] = False
    """Hold the lips against the sound too (`sync.*`); needs several crops of a clip at once."""
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
    """Of splits, folds, draws and weights; the seeds of `fit` and `stack` follow from it."""

    def __post_init__(self) -> None:
        if self.use_sync and self.data.num_frames < MIN_CROPS:
            raise ConfigError(
                f"--sync compares {MIN_CROPS} crops of a clip or more, data.num_frames is "
                f"{self.data.num_frames}"
            )
        if self.chooses_nothing and self.fit.first_best_epoch < self.fit.epochs:
            raise ConfigError(
                "with data.val_share 0 no clips choose an epoch, the last must be kept: add "
                f"--fit.first-best-epoch {self.fit.epochs}, got {self.fit.first_best_epoch}"
            )

    @property
    def chooses_nothing(self) -> bool:
        """No clips are kept from training to choose the epoch by."""
        return not self.data.val_share and not self.data.parts

    def model(self, trainable: dict[str, bool]) -> ModelConfig:
        """The model to train; ConfigError if the flags leave no branch.

        A voice branch without voice labels would learn from the label of the video, which is
        wrong for nine DFDC fakes in ten (features.md 3e): it is left out, and so is a face branch
        in the same position.
        """
        visual = self.visual if self.use_visual and trainable["face"] else None
        audio = self.audio if self.use_audio and trainable["voice"] else None
        if visual is None and audio is None:
            flags = f"visual {self.use_visual}, audio {self.use_audio}"
            labels = ", ".join(f"{name} {ok}" for name, ok in trainable.items())
            raise ConfigError(
                f"no branch is left to train (flags: {flags}; labels of both classes: {labels})"
            )
        # With one switched off, lips and sound cannot be compared; with one untrained, they can.
        sync = self.sync if self.use_sync and self.use_visual and self.use_audio else None
        return ModelConfig(visual=visual, audio=audio, fusion=self.fusion, sync=sync)


def _is_positive(number: str) -> bool:
    try:
        return 0 < float(number) < float("inf")
    except ValueError:
        return False
