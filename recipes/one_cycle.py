"""One-cycle transfer learning: a published backbone, first frozen, then free, in few epochs.

    avfake prepare dfdc /data/dfdc clips/
    python recipes/one_cycle.py --clips clips/ --find-rate

A network trained on photographs gets a new head. First only the head is trained, with the backbone
frozen (--fit.frozen-epochs), then both, the backbone at a tenth of the rate; each phase is one
cycle of the learning rate: up from a twenty-fifth, then down (Smith & Topin 2018). --find-rate
tries all rates once, writes rates.csv, prints the loss at each power of ten and takes the
rate where it fell steepest (Smith 2017).

Labels are noisy: it is unknown which part of a DFDC fake is forged, in one of ten only the voice.
The tenth of the fakes of each batch with the highest loss does not count (--loss.trim-fakes), so
that they are not memorised.

Published: a bronze medal of the 2020 DFDC by one entrant in the last of four months; the write-up
states no score. What was run here, on what: recipes/README.md.

Differs from the source: the trimming is ours (the source names the noise, not a remedy), as are
folds, stacker, calibration, and sound. The rate is searched with the backbone free.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from avfake.cli import run_recipe
from avfake.training import RateConfig, TrainingConfig, train_and_test


@dataclass(frozen=True)
class Config:
    """First a frozen, then a free backbone, one cycle each."""

    clips: Annotated[tuple[str, ...], tyro.conf.UseAppendAction]
    """Folder (or URL of one) made by avfake prepare; repeat it to join datasets."""
    out: Path = Path("runs/one_cycle")
    """Run folder; running again with the same settings goes on."""
    find_rate: bool = False
    """Search the learning rate, in place of fit.learning_rate."""
    search: RateConfig = field(default_factory=RateConfig)
    training: Annotated[TrainingConfig, tyro.conf.arg(name="")] = field(
        default_factory=lambda: TrainingConfig.preset("one_cycle")
    )


def main(config: Config) -> None:
    search = config.search if config.find_rate else None
    train_and_test("one_cycle", config.clips, config.training, config.out, rate_search=search)


if __name__ == "__main__":
    run_recipe(main, Config, __doc__)
