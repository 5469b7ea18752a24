"""The simplest recipe, to be read first: the competition's files -> a submission.

    python recipes/dfdc_frames.py --data /data/dfdc --test /data/test_videos.zip
        --sample-submission /data/sample_submission.csv --out runs/dfdc_frames

--data holds the parts as they were shipped, zipped or unpacked, each with its metadata.json. Faces
are cut out of every video; one classifier of single faces learns from one random face a video each
time, as many fakes as genuine ones; a video is the mean over its faces, calibrated on videos
that the classifier has not seen. The sound is not used.

Time: on one core, decoding a 10 s 1080p video takes about 1 s and finding the faces of 32 frames
about 4 s, of genuine videos only (fakes take their original's boxes). The whole 470 GB, and the
training on them, were not timed.
Expected: the task states no number. Answering one half to everything gives a
log-loss of 0.693. A single frame-wise EfficientNet-B4 reached 0.264 (AUC 0.947) on parts 40-49
(41st place, github.com/polimi-ispl/icpr2020dfdc, its notebook of results); frame-wise single
networks of the 69th place had 0.39 to 0.44 on the public leaderboard. What was run here:
recipes/README.md.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from avfake import clips, parallel, scoring, training
from avfake.cli import run_recipe

ClipConfig = clips.ClipConfig
TrainingConfig = training.TrainingConfig


@dataclass(frozen=True)
class Config:
    """Train one frame-wise classifier on the parts, and score the test videos."""

    data: Path
    """Folder of the training parts, zipped or not."""
    test: Path | None = None
    """Folder or zip archive of the videos to score."""
    sample_submission: Path | None = None
    """Which of them, and in which order; without it all are scored."""
    out: Path = Path("runs/dfdc_frames")
    """Everything is written below this folder; the same command goes on where it was."""
    clips: ClipConfig = field(default_factory=ClipConfig)
    workers: int = field(default_factory=parallel.default_workers)
    """Processes that prepare and score; by default one a core."""
    training: Annotated[TrainingConfig, tyro.conf.arg(name="")] = field(
        default_factory=lambda: TrainingConfig.preset("dfdc_frames")
    )


def main(config: Config) -> None:
    scores, submission = config.out / "scores.csv", config.out / "submission.csv"
    asked = [config.test] if config.test else []
    if asked or config.sample_submission:  # mistakes are reported before training
        scoring.checked_files(asked, config.sample_submission, out=scores, submission=submission)
    folder = clips.prepare_dataset(
        "dfdc", config.data, config.out / "clips", config.clips, workers=config.workers
    )
    tested = training.train_and_test("dfdc_frames", [folder], config.training, config.out)
    if asked:
        files, _ = scoring.checked_files(
            asked, config.sample_submission, out=scores, submission=submission
        )
        table = scoring.score_files(
            files, str(tested.trained.detector), scores, workers=config.workers
        )
        print(f"{table}\n{table.write_submission(submission)}")


if __name__ == "__main__":
    run_recipe(main, Config, __doc__)
