"""The whole road on made-up people: studio -> prepare -> train -> ablate -> one verdict.

    python recipes/synthetic.py --out demo        (or: make demo)

Makes a small labelled dataset of procedural talking heads, trains a detector on some of the people
and measures it on the others, with and without each modality: what is forged in the face only must
be invisible without the picture, what is forged in the voice only inaudible without the sound.
Weights start at random; nothing is downloaded. Run again, it goes on where it was.

Expected: recipes/results/synthetic.csv. These numbers prove that the pipeline works and that both
branches are needed and used; they say nothing about real forgeries.
"""

import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from avfake.cli import run_recipe
from avfake.cli.stressing import stress
from avfake.clips import ClipConfig, prepare_clips
from avfake.datasets import Manifest, build_manifest, load_spec, save_manifest
from avfake.detector import CARD, Detector
from avfake.evaluation import render
from avfake.faces import CropConfig
from avfake.models import AudioConfig, VisualConfig
from avfake.parallel import default_workers
from avfake.report import annotate, write_card, write_report
from avfake.studio import StudioConfig, build_studio
from avfake.training import (
    DataConfig,
    FitConfig,
    OptimizerConfig,
    TrainingConfig,
    ablate,
    refuse_processes,
)

# timm's smallest networks, 0.4 M parameters: from random weights they learn the studio in a minute
# of two cores, where an EfficientNet-B0 has not begun to.
SMALL = TrainingConfig(
    visual=VisualConfig("test_resnet", pretrained=False, size_px=112, drop_path=0.0),
    audio=AudioConfig("test_resnet", pretrained=False),
    data=DataConfig(
        num_folds=2,
        val_share=0.09,
        test_share=0.41,
        num_frames=2,
        num_windows=1,
        window_seconds=1.5,
        batch_size=16,
        # The studio makes four clips of each person, one genuine: pairs teach faster than numbers.
        keep_groups=True,
        undersample=False,
        passes=8,
    ),
    fit=FitConfig(epochs=5, optimizer=OptimizerConfig(learning_rate=2e-3)),
)


@dataclass(frozen=True)
class Config:
    """Make people, forge them, learn to tell."""

    out: Path = Path("demo")
    """Everything is written below this folder."""
    studio: StudioConfig = field(default_factory=lambda: StudioConfig(num_clips=800))
    clips: ClipConfig = field(
        default_factory=lambda: ClipConfig(num_frames=8, crop=CropConfig(size_px=128))
    )
    workers: int = field(default_factory=default_workers)
    """Processes that make and prepare clips; by default one a core."""
    retrain: bool = False
    """Train every row of the ablation table, rather than switch parts of the full detector off."""
    stress: int = 0
    """Damage so many of the test clips in every way of `avfake stress`, and write what becomes of
    the answers into the model card; 10 or more, 80 take half an hour. 0 = leave it out."""
    assembly: Annotated[TrainingConfig, tyro.conf.arg(name="")] = field(
        default_factory=lambda: SMALL
    )


def main(config: Config) -> None:
    refuse_processes("recipes/synthetic.py")
    videos = config.out / "studio"
    build_studio(videos, config.studio, workers=config.workers)
    manifest = build_manifest(load_spec("studio"), videos)
    folder = prepare_clips(manifest, config.out / "clips", config.clips, workers=config.workers)
    full, table = ablate([folder], config.assembly, config.out / "runs", retrain=config.retrain)
    print(render(table))
    detector = Detector.from_pretrained(full.detector)
    runs = config.out / "runs"
    tested = config.out / "test.csv"
    unseen = Manifest(tuple(e.row for e in full.plan.splits["test"]), manifest.dataset)
    save_manifest(unseen, tested)
    fake = next(e for e in full.plan.splits["test"] if e.row.face_fake and not e.row.voice_fake)
    example = config.out / "example.mp4"
    shutil.copy(fake.row.path, example)
    verdict = write_report(example, detector, config.out / "report.html")
    annotate(example, verdict, config.out / "evidence.mp4")
    print(f"\nA face forged, a voice genuine, a person never seen in training:\n{verdict}")
    print(f"evidence video: {config.out / 'evidence.mp4'}\npictures: {runs / 'full/figures'}")
    print(f"report: {config.out / 'report.html'}")
    if config.stress:
        put_to_the_test(config, full.detector, tested)
    print(f"detector: {full.detector}\nmodel card: {full.detector / CARD}")


def put_to_the_test(config: Config, detector: Path, tested: Path) -> None:
    """The stress table of the detector, printed and read in its card."""
    out = config.out / "stress"
    stress(tested, detector=str(detector), out=out, limit=config.stress, workers=config.workers)
    write_card(
        detector,
        scores=config.out / "runs" / "scores_full.csv",
        stress=out / "stress.csv",
        measured_on="people of the studio that training did not see",
    )


if __name__ == "__main__":
    run_recipe(main, Config, __doc__)
