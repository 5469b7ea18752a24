"""The whole pipeline on made-up people: studio -> prepare -> train -> ablate -> one verdict.

    python recipes/synthetic.py --out demo        (or: make demo)

Makes a small labelled dataset of procedural talking heads, trains a detector on some of the people
and measures it on the others, with and without each modality: forged faces must be undetectable
without the picture, forged voices without the sound. Weights start at random; nothing is
downloaded. Run again, it goes on where it was.

Expected: recipes/results/synthetic.csv. These numbers prove that the pipeline works and that both
branches are needed and used; they say nothing about real forgeries.
"""

import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import tyro

from avfake import cli, clips, parallel, studio, training

ClipConfig = clips.ClipConfig
StudioConfig = studio.StudioConfig
TrainingConfig = training.TrainingConfig


@dataclass(frozen=True)
class Config:
    """Make people, forge them, train a detector, measure it."""

    out: Path = Path("demo")
    """Everything is written below this folder."""
    studio: StudioConfig = field(default_factory=lambda: StudioConfig(num_clips=800))
    clips: ClipConfig = field(
        default_factory=lambda: ClipConfig(
            num_frames=8, crop=replace(ClipConfig().crop, size_px=128)
        )
    )
    workers: int = field(default_factory=parallel.default_workers)
    """Processes that make and prepare clips; by default one a core."""
    retrain: bool = False
    """Train every row of the ablation table, rather than switch parts of the full detector off."""
    stress: int = 0
    """Damage so many of the test clips in every way of `avfake stress`, and write the results into
    the model card; 10 or more, 80 take half an hour. 0 = leave it out."""
    training: Annotated[TrainingConfig, tyro.conf.arg(name="")] = field(
        default_factory=lambda: TrainingConfig.preset("synthetic")
    )


def main(config: Config) -> None:
    training.refuse_processes("recipes/synthetic.py")
    out, runs = config.out, config.out / "runs"
    studio.build_studio(out / "studio", config.studio, workers=config.workers)
    folder = clips.prepare_dataset(
        "studio", out / "studio", out / "clips", config.clips, workers=config.workers
    )
    full = training.ablate([folder], config.training, runs, retrain=config.retrain)
    test = full.plan.splits["test"]
    full.plan.save_manifest(out / "test.csv", "test")
    fake = next(e for e in test if e.row.face_fake and not e.row.voice_fake)
    shutil.copy(fake.row.path, out / "example.mp4")
    detector, example = str(full.detector), str(out / "example.mp4")
    print("\nA face forged, a voice genuine, a person never seen in training:")
    cli.report(example, out=out / "report.html", detector=(detector,))
    cli.annotate(example, out=out / "evidence.mp4", detector=detector)
    if config.stress:
        cli.stress(
            out / "test.csv",
            detector=detector,
            out=out / "stress",
            limit=config.stress,
            workers=config.workers,
        )
        cli.card(
            full.detector,
            scores=runs / "scores_full.csv",
            stress=out / "stress/stress.csv",
            measured_on="people of the studio that training did not see",
        )
    print(f"detector: {detector}\nmodel card: {full.detector / 'README.md'}")


if __name__ == "__main__":
    cli.run_recipe(main, Config, __doc__)
