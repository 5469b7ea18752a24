"""Voices alone, ASVspoof-style: spectrogram windows, one number for each kind of attack.

    avfake prepare asvspoof2019_la /data/LA voices/
    python recipes/voices.py --clips voices/ --data.train-parts train --data.val-parts dev
        --data.test-parts eval

Prints equal error rate, least detection cost (of ASVspoof 5) and AUC over all fakes, and of each
attack against all genuine voices. --data.leave-out A05 A06 keeps attacks out of training and
validation, to measure on unknown ones. Where rows name no attack there is one row, "all". Sound
is augmented by level, RawBoost-like noises, telephone bands and codecs (--augment.sound).

Published, ASVspoof 2019 LA, eval: AASIST has an EER of 0.83 %, min t-DCF 0.0275. A residual network
over mel windows is an older and simpler design; it is expected to be worse. It was not run on
ASVspoof; what was run, and its results: recipes/README.md.

Differs from the challenge: no t-DCF, since that needs a speaker verifier's scores; windows are cut
at random times and repeated where a file is shorter, as the silence at both ends reveals the class
in this set.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from avfake.cli import run_recipe
from avfake.training import TrainingConfig, train_and_test

METRICS = ("eer", "min_detection_cost", "auc")


@dataclass(frozen=True)
class Config:
    """Train on sound alone and measure attack by attack."""

    clips: Annotated[tuple[str, ...], tyro.conf.UseAppendAction]
    """Folder (or URL of one) made by avfake prepare; repeat it to join datasets.

    Its pictures are not used."""
    out: Path = Path("runs/voices")
    """Run folder; running again with the same settings goes on."""
    training: Annotated[TrainingConfig, tyro.conf.arg(name="")] = field(
        default_factory=lambda: TrainingConfig.preset("voices")
    )


def main(config: Config) -> None:
    tested = train_and_test("voices", config.clips, config.training, config.out)
    tested.show_methods("voice", METRICS, "by_attack.csv")


if __name__ == "__main__":
    run_recipe(main, Config, __doc__)
