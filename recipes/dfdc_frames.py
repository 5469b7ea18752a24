"""The simplest recipe, to be read first: the competition's files in, a submission out.

    python recipes/dfdc_frames.py --data /data/dfdc --test /data/test_videos.zip
        --sample-submission /data/sample_submission.csv --out runs/dfdc_frames

--data holds the parts as they were shipped, zipped or unpacked, each with its metadata.json. Faces
are cut out of every video; one classifier looks at single faces, one random face a video each time
it is seen, as many fakes as genuine ones; a video is the mean over its faces, calibrated on videos
that the classifier has not seen. The sound is not used.

Time: on one core, decoding a 10 s 1080p video takes about 1 s and finding the faces of 32 frames
about 4 s, of genuine videos only (fakes take their original's boxes). The whole 470 GB, and the
training on them, were not timed.
Expected: the task comes without a number of its own. Answering one half to everything gives a
log-loss of 0.693. A single frame-wise EfficientNet-B4 reached 0.264 (AUC 0.947) on parts 40-49
(41st place, github.com/polimi-ispl/icpr2020dfdc, its notebook of results); frame-wise single
networks of the 69th place had 0.39 to 0.44 on the public leaderboard. What was run here stands in
recipes/README.md.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from avfake.calibration import StackConfig
from avfake.cli import run_recipe
from avfake.cli.scoring import checked_files, predict_table
from avfake.clips import ClipConfig, prepare_clips
from avfake.datasets import build_manifest, load_spec
from avfake.detector import Detector, PredictOptions
from avfake.errors import ConfigError
from avfake.evaluation import render
from avfake.models import VisualConfig
from avfake.parallel import default_workers
from avfake.storage import AnyPath
from avfake.training import DataConfig, FitConfig, TrainingConfig, measure_test, train_detector

FRAMEWISE = TrainingConfig(
    visual=VisualConfig("tf_efficientnet_b0", size_px=224),
    use_audio=False,
    # Ten folds of which one is held out to calibrate on: one model, trained on nine tenths.
    data=DataConfig(num_folds=10, trained_folds=1, num_frames=1, batch_size=32),
    fit=FitConfig(epochs=20),
    stack=StackConfig(rule="mean"),
)


@dataclass(frozen=True)
class Config:
    """Train one frame-wise classifier on the parts, and answer for the test videos."""

    data: Path
    """Folder of the training parts, zipped or not."""
    test: Path | None = None
    """Folder or zip archive of the videos to answer for."""
    sample_submission: Path | None = None
    """Which of them, and in which order; without it all are answered for."""
    out: Path = Path("runs/dfdc_frames")
    """Everything is written below this folder; the same command goes on where it was."""
    clips: ClipConfig = field(default_factory=ClipConfig)
    workers: int = field(default_factory=default_workers)
    """Processes that prepare and answer; by default one a core."""
    assembly: Annotated[TrainingConfig, tyro.conf.arg(name="")] = field(
        default_factory=lambda: FRAMEWISE
    )


def main(config: Config) -> None:
    scores, submission = config.out / "scores.csv", config.out / "submission.csv"
    files: list[AnyPath] = []
    if config.test:  # whatever speaks against them is said before anything is trained
        files, _ = checked_files(
            [config.test], config.sample_submission, out=scores, submission=submission
        )
    elif config.sample_submission:
        raise ConfigError("--sample-submission does nothing without --test, where its videos lie")
    manifest = build_manifest(load_spec("dfdc"), config.data)
    folder = prepare_clips(manifest, config.out / "clips", config.clips, workers=config.workers)
    done = train_detector([folder], config.assembly, config.out)
    detector = Detector.from_pretrained(done.detector)
    print(
        render(
            measure_test("dfdc_frames", detector, done.plan, config.out, seed=config.assembly.seed)
        )
    )
    print(f"detector: {done.detector} (split {done.plan.hash})")
    if files:
        predict_table(
            files,
            (str(done.detector),),
            PredictOptions(),
            out=scores,
            submission=submission,
            workers=config.workers,
        )


if __name__ == "__main__":
    run_recipe(main, Config, __doc__)
