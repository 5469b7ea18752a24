"""A silver medal from free notebooks: Xceptions and EfficientNet-B1s, joined by geometric mean.

    avfake prepare dfdc /data/dfdc clips/ --frames 10 --size-px 150
    python recipes/dfdc_geometric.py --clips clips/ --out runs/dfdc_geometric

10 frames a video as crops of 150 px; one random face a video, as many fakes as genuine ones. Seven
networks under the same head: batch norm, dropout, 512 (once 256), ReLU, batch norm, dropout. Adam,
the rate cut to 0.7 where five epochs bring nothing, 20 epochs, the best by log-loss; parts 0-40
train. What a member has of its own stands in MEMBERS; --members b1_a b1_e trains some of them.

Time: 7 x 20 epochs of one face a video on the whole DFDC; not run here.
Expected: public log-loss 0.362, private 0.496 (69th place), single members 0.39 to 0.44 public,
where answering one half gives 0.693. On the hidden competition sets, not on the split made here.
What was run here stands in recipes/README.md.

What differs from the source (github.com/GreatGameDota/Deepfake-Detection), and why:
- timm's legacy_xception, the network of Chollet 2017 as in the source's pytorchcv; its weights are
  from another training. xception41 would be DeepLab's wider variant.
- Which member was trained how is told only in numbers (three at 150 px, four at 224 px without
  normalisation, one of 256, one mixed): who is who is set here. Mixup and cutmix of "0.4" are read
  as how often; how often pictures are made coarse is not told, here every other time each. The
  three are normalised as their weights were published with.
- Parts 41-45 choose the epoch and 46-49 test, where 41-49 did the first and the leaderboard the
  second. A tenth of the training videos is held out to calibrate each member.
- MTCNN in the place of a MobileNet; the 10 prepared frames predict too, there 30.
- An unreadable file is a failure with a reason, not 0.5.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import tyro

from avfake.augment import MixConfig
from avfake.calibration import StackConfig
from avfake.cli import run_recipe
from avfake.clips import PreparedFolder
from avfake.config import nearest
from avfake.errors import ConfigError
from avfake.evaluation import render
from avfake.models import VisualConfig
from avfake.training import (
    DataConfig,
    FitConfig,
    OptimizerConfig,
    ScheduleConfig,
    TrainingConfig,
    is_main_process,
    join_detectors,
    train_detector,
)

COARSE = ("ggd",)  # flip, downscale, JPEG of quality 8 to 30
MIXED = MixConfig(mixup_rate=0.4, cutmix_rate=0.4)


@dataclass(frozen=True)
class Member:
    """What one network has of its own."""

    network: str
    size_px: int
    normalise: bool
    picture: tuple[str, ...] = ("flip",)
    hidden: int = 512
    mix: MixConfig = MixConfig()


MEMBERS = {
    "xception_a": Member("xception", 150, normalise=True),
    "xception_b": Member("xception", 224, normalise=False, picture=COARSE),
    "b1_a": Member("b1", 150, normalise=True),
    "b1_b": Member("b1", 150, normalise=True, picture=COARSE),
    "b1_c": Member("b1", 224, normalise=False, hidden=256),
    "b1_d": Member("b1", 224, normalise=False, picture=COARSE),
    "b1_e": Member("b1", 224, normalise=False, mix=MIXED),
}
SHARED = TrainingConfig(
    visual=VisualConfig("", head="bn_mlp", dropout=0.75, drop_path=0.0),
    use_audio=False,
    data=DataConfig(
        num_folds=10,
        trained_folds=1,
        split_seed=0,
        train_parts="0-40",
        val_parts="41-45",
        test_parts="46-49",
        num_frames=1,
        batch_size=64,
    ),
    fit=FitConfig(
        epochs=20,
        optimizer=OptimizerConfig("adam", learning_rate=5e-4, weight_decay=0.0),
        # Down to 1e-5.
        schedule=ScheduleConfig(
            "plateau",
            warmup_epochs=0.0,
            plateau_factor=0.7,
            plateau_patience=5,
            final_fraction=0.02,
        ),
    ),
    stack=StackConfig(rule="mean"),
)


@dataclass(frozen=True)
class Config:
    """Train the members on prepared clips, and take the geometric mean of what they say."""

    clips: Annotated[tuple[str, ...], tyro.conf.UseAppendAction]
    """Folder (or URL of one) made by avfake prepare; repeat it to join datasets."""
    out: Path = Path("runs/dfdc_geometric")
    """Run folder; running again with the same settings goes on."""
    members: tuple[str, ...] = tuple(MEMBERS)
    """Which rows of the table MEMBERS."""
    xception: str = "legacy_xception"
    """The network of that name in the table, as timm calls it."""
    b1: str = "efficientnet_b1.ft_in1k"
    """The other."""
    assembly: Annotated[TrainingConfig, tyro.conf.arg(name="")] = field(
        default_factory=lambda: SHARED
    )
    """What the members share; the table decides on backbone, size, width and augmentation."""

    def __post_init__(self) -> None:
        for name in self.members:
            if name not in MEMBERS:
                raise ConfigError(
                    f"no member is called {name!r}{nearest(name, MEMBERS)}; "
                    f"there are: {', '.join(MEMBERS)}"
                )


def settings_of(config: Config, name: str) -> TrainingConfig:
    """The shared settings with what the member has of its own, its seed included."""
    member, shared = MEMBERS[name], config.assembly
    visual = replace(
        shared.visual,
        backbone={"xception": config.xception, "b1": config.b1}[member.network],
        size_px=member.size_px,
        normalise=member.normalise,
        embedding_dim=member.hidden,
    )
    return replace(
        shared,
        visual=visual,
        augment=replace(shared.augment, mix=member.mix, picture=member.picture),
        seed=shared.seed + list(MEMBERS).index(name),
    )


def main(config: Config) -> None:
    folders = [PreparedFolder(path) for path in config.clips]
    members = {
        name: train_detector(folders, settings_of(config, name), config.out / name)
        for name in config.members
    }
    table = join_detectors(members, "geometric_mean", config.out, seed=config.assembly.seed)
    if is_main_process():
        print(render(table))
        print(f"detector: {config.out / 'detector'}")


if __name__ == "__main__":
    run_recipe(main, Config, __doc__)
