"""A detector that never saw a fake: genuine clips alone, and forgeries made of them.

    avfake prepare SPEC /data/set clips/
    python recipes/genuine_only.py --clips clips/ --out runs/genuine_only

Some groups are put aside, with all that was forged of them. Of the others only the genuine clips
are used: each is forged by the routes of avfake.forgery (--forgeries.*), once on disk,
choosing and calibrating, and anew each time it is seen (--augment.forge.*). Then the detector is
measured on the groups put aside: on their genuine clips and on forgeries of other makers.

Self-blended faces and re-synthesised voices carry over to unknown methods better than any one
method of forging does (Shiohara and Yamasaki 2022: AUC 93.2 % on Celeb-DF, trained on the genuine
videos of FaceForensics++, with an ImageNet EfficientNet-B4; Wang and Yamagishi 2023 for voices).
That was not run here; what was run stands in recipes/README.md.

The three vocoders with which the studio forges its voices stay out of the defaults, so that a test
on the studio is one on voices forged in a way that was never heard.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import tyro

from avfake.augment import AugmentConfig, ForgeConfig
from avfake.cli import run_recipe
from avfake.clips import ForgeryConfig, PreparedFolder, forge_clips
from avfake.datasets import assign_splits
from avfake.detector import Detector
from avfake.evaluation import ablation_table, render
from avfake.forgery import CONVERSIONS, VOICE_METHODS
from avfake.models import AudioConfig, VisualConfig
from avfake.parallel import default_workers
from avfake.storage import write_whole
from avfake.training import (
    DataConfig,
    Example,
    FitConfig,
    OptimizerConfig,
    Plan,
    TrainingConfig,
    gather,
    measure,
    publish_test,
    record_results,
    train_detector,
)

# What a swapped face shows; mouths of other moments and motion fields stand for other forgeries.
FACE_ROUTES = ("self_blend", "flicker", "resynthesis", "self_blend_mouth")
VOICE_ROUTES = tuple(name for name in VOICE_METHODS if name not in CONVERSIONS)
GENUINE_ONLY = TrainingConfig(
    visual=VisualConfig("test_resnet", pretrained=False, size_px=112, drop_path=0.0),
    audio=AudioConfig("test_resnet", pretrained=False),
    data=DataConfig(
        # Of a few clips one model that sees most of them is better than two that see half.
        num_folds=5,
        trained_folds=1,
        test_share=0.1,
        num_frames=2,
        num_windows=1,
        batch_size=16,  # four whole families: the genuine clip and one forgery of each kind
        keep_groups=True,
        undersample=False,
        passes=8,
    ),
    augment=AugmentConfig(
        forge=ForgeConfig(0.5, 0.5, face_methods=FACE_ROUTES, voice_methods=VOICE_ROUTES),
        picture=("flip", "jpeg", "rescale"),
        sound=("level",),
    ),
    fit=FitConfig(epochs=12, optimizer=OptimizerConfig(learning_rate=2e-3)),
)


@dataclass(frozen=True)
class Config:
    """Forge, train, and measure on what others forged."""

    clips: Annotated[tuple[str, ...], tyro.conf.UseAppendAction]
    """Folder (or URL of one) made by avfake prepare; repeat it to join datasets."""
    out: Path = Path("runs/genuine_only")
    """Everything is written below this folder; running again with the same settings goes on."""
    aside_share: float = 0.25
    """Of the groups, measured on and never learned from."""
    forgeries: ForgeryConfig = field(
        default_factory=lambda: ForgeryConfig(1, FACE_ROUTES, VOICE_ROUTES)
    )
    workers: int = field(default_factory=default_workers)
    """Processes that forge; by default one a core."""
    assembly: Annotated[TrainingConfig, tyro.conf.arg(name="")] = field(
        default_factory=lambda: GENUINE_ONLY
    )


def main(config: Config) -> None:
    folders = [PreparedFolder(path) for path in config.clips]
    examples = [e for e in gather(folders, assume_face_weight=0.0) if e.knows("overall")]
    shares = {"learn": 1 - config.aside_share, "aside": config.aside_share}
    sides = assign_splits([e.row for e in examples], shares, seed=config.assembly.seed)
    learn = [e for e in examples if sides[e.row.clip_id] == "learn" and e.row.label is False]
    aside = tuple(e for e in examples if sides[e.row.clip_id] == "aside")
    sources = {e.folder for e in learn}
    forged = [
        forge(folder, learn, config, joined=len(folders) > 1)
        for folder in folders
        if folder.name in sources
    ]
    done = train_detector(forged, config.assembly, config.out / "run")
    detector = Detector.from_pretrained(done.detector)
    own, unseen = measure(detector, done.plan.splits["test"]), measure(detector, aside)
    write_whole(config.out / "test_scores.csv", unseen.to_csv(index=False))
    splits = {"train": tuple(learn), "val": (), "test": aside}
    plan = Plan(splits, {}, tuple(folder.name for folder in folders))
    table = record_results([("genuine_only", unseen)], plan, config.out, seed=config.assembly.seed)
    publish_test(done.detector, plan, config.out / "test_scores.csv")
    print(f"on own forgeries of other people:\n{render(ablation_table([('genuine_only', own)]))}\n")
    print(f"on forgeries of a kind it never saw:\n{render(table)}\ndetector: {done.detector}")


def forge(
    folder: PreparedFolder, learn: Sequence[Example], config: Config, *, joined: bool
) -> PreparedFolder:
    """The forgeries of the clips of one folder that may be learned from."""
    prefix = f"{folder.name}/" if joined else ""
    mine = {e.row.clip_id.removeprefix(prefix) for e in learn if e.folder == folder.name}
    seeded = replace(config.forgeries, seed=config.assembly.seed)
    home = config.out / "forged" / folder.name
    return forge_clips(folder, home, seeded, clip_ids=mine, workers=config.workers)


if __name__ == "__main__":
    run_recipe(main, Config, __doc__)
