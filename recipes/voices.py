"""Voices alone, ASVspoof-style: spectrogram windows, one number for each kind of attack.

    avfake prepare asvspoof2019_la /data/LA voices/
    python recipes/voices.py --clips voices/ --data.train-parts train --data.val-parts dev
        --data.test-parts eval

Prints equal error rate, least detection cost (of ASVspoof 5) and AUC over all fakes, then those of
each attack against all genuine voices. --data.leave-out A05 A06 keeps attacks out of training and
choosing, to see what an unknown one does. Where rows name no attack there is one row, "all". Sound
is augmented by level, RawBoost-like noises, telephone bands and codecs (--augment.sound).

Published, ASVspoof 2019 LA, eval: AASIST has an EER of 0.83 %, min t-DCF 0.0275. A residual network
over mel windows is an older and simpler design; it is expected to stay behind that. It was not run
on ASVspoof; what was run, and how it came out, stands in recipes/README.md.

Differs from the challenge: no t-DCF, since that needs a speaker verifier's scores; windows are cut
at random places and repeated where a file is shorter, as the silence at both ends gives the class
away in this set.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from avfake.augment import AugmentConfig
from avfake.cli import run_recipe
from avfake.clips import PreparedFolder
from avfake.detector import Detector
from avfake.evaluation import method_table, render
from avfake.storage import write_whole
from avfake.training import (
    DataConfig,
    TrainingConfig,
    is_main_process,
    measure,
    publish_test,
    record_results,
    train_detector,
)

METRICS = ("eer", "min_detection_cost", "auc")
VOICES = TrainingConfig(
    use_visual=False,
    # Four seconds: what most systems of the challenge look at.
    data=DataConfig(num_folds=2, num_windows=1, window_seconds=4.0, batch_size=32),
    # Lines, rooms and levels that say nothing of who speaks: RawBoost, codecs, band limits.
    augment=AugmentConfig(sound=("level", "rawboost", "telephone", "codec")),
)


@dataclass(frozen=True)
class Config:
    """Train on sound alone and measure attack by attack."""

    clips: Annotated[tuple[str, ...], tyro.conf.UseAppendAction]
    """Folder (or URL of one) made by avfake prepare; repeat it to join datasets.

    Its pictures are not seen."""
    out: Path = Path("runs/voices")
    """Run folder; running again with the same settings goes on."""
    assembly: Annotated[TrainingConfig, tyro.conf.arg(name="")] = field(
        default_factory=lambda: VOICES
    )


def main(config: Config) -> None:
    folders = [PreparedFolder(path) for path in config.clips]
    done = train_detector(folders, config.assembly, config.out)
    scores = measure(Detector.from_pretrained(done.detector), done.plan.splits["test"])
    if not is_main_process():
        return
    measured = [("voices", scores)]
    write_whole(config.out / "test_scores.csv", scores.to_csv(index=False))
    publish_test(done.detector, done.plan, config.out / "test_scores.csv")
    record_results(measured, done.plan, config.out, seed=config.assembly.seed)
    table = method_table(measured, "voice", metrics=METRICS)
    write_whole(config.out / "by_attack.csv", table.to_csv(index=False))
    print(render(table))
    print(f"detector: {done.detector} (split {done.plan.hash})")


if __name__ == "__main__":
    run_recipe(main, Config, __doc__)
