"""A detector trained without any fake: genuine clips alone, and forgeries made of them.

    avfake prepare SPEC /data/set clips/
    python recipes/genuine_only.py --clips clips/ --out runs/genuine_only

Some groups are put aside, with all that was forged of them. Of the others only the genuine clips
are used: each is forged by the methods of avfake.forgery (--forgeries.*), once on disk,
for validation and calibration, and on the fly each time (--augment.forge.*). Then the detector is
measured on the groups put aside: on their genuine clips and on forgeries by other methods.

Self-blended faces and re-synthesised voices generalise to unknown methods better than any one
forgery method (Shiohara and Yamasaki 2022: AUC 93.2 % on Celeb-DF, trained on the genuine
videos of FaceForensics++, with an ImageNet EfficientNet-B4; Wang and Yamagishi 2023 for voices).

That was not run here; what was run: recipes/README.md.

The three vocoders with which the studio forges its voices are not in the defaults, so that a test
on the studio is one on voices forged by unknown methods.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import tyro

from avfake import cli, clips, parallel, training

ForgeryConfig = clips.ForgeryConfig
TrainingConfig = training.TrainingConfig
CONFIG = TrainingConfig.preset("genuine_only")
ROUTES = CONFIG.augment.forge


@dataclass(frozen=True)
class Config:
    """Forge, train, and measure on forgeries of other makers."""

    clips: Annotated[tuple[str, ...], tyro.conf.UseAppendAction]
    """Folder (or URL of one) made by avfake prepare; repeat it to join datasets."""
    out: Path = Path("runs/genuine_only")
    """Everything is written below this folder; running again with the same settings goes on."""
    aside_share: float = 0.25
    """Share of the groups that is measured on and never learned from."""
    forgeries: ForgeryConfig = field(
        default_factory=lambda: ForgeryConfig(1, ROUTES.face_methods, ROUTES.voice_methods)
    )
    workers: int = field(default_factory=parallel.default_workers)
    """Processes that forge; by default one a core."""
    training: Annotated[TrainingConfig, tyro.conf.arg(name="")] = field(
        default_factory=lambda: CONFIG
    )


def main(config: Config) -> None:
    folders = [clips.PreparedFolder(path) for path in config.clips]
    seed = config.training.seed
    learn, unseen = training.put_aside(folders, share=config.aside_share, seed=seed)
    routes = replace(config.forgeries, seed=seed)
    forged = [
        routes.forge(
            folder,
            config.out / "forged" / folder.name,
            clip_ids=learn[folder.name],
            workers=config.workers,
        )
        for folder in folders
        if folder.name in learn
    ]
    training.train_and_test("genuine_only", forged, config.training, config.out, unseen=unseen)


if __name__ == "__main__":
    cli.run_recipe(main, Config, __doc__)
