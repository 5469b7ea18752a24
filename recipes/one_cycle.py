"""One-cycle transfer learning: a published backbone, first frozen, then free, in few epochs.

    avfake prepare dfdc /data/dfdc clips/
    python recipes/one_cycle.py --clips clips/ --find-rate

A network trained on photographs is given a new head. The head learns alone while the backbone
stands still (--fit.frozen-epochs), then both learn, the backbone at a tenth of the rate; each
stretch is one cycle of the learning rate: up from a twenty-fifth, then down (Smith & Topin 2018).
--find-rate tries all rates once, writes rates.csv, prints the loss at each power of ten and takes
the rate where it fell steepest (Smith 2017).

Labels are noisy: of a DFDC fake nobody says what is forged, in one of ten only the voice. The
costliest tenth of the fakes of each batch counts for nothing (--loss.trim-fakes), so that they are
not learned by heart.

Published: a bronze medal of the 2020 DFDC by one entrant in the last of four months; the write-up
tells no score. What was run here, on what, stands in recipes/README.md.

Differs from the source: the trimming is ours (it names the noise, not the cure), as are folds,
stacker, calibration, and sound. The rate is looked for with the backbone free.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import numpy as np
import tyro

from avfake.cli import run_recipe
from avfake.clips import PreparedFolder
from avfake.detector import Detector
from avfake.evaluation import render
from avfake.models import VisualConfig
from avfake.training import (
    DataConfig,
    FitConfig,
    LossConfig,
    OptimizerConfig,
    RateConfig,
    RateFinding,
    ScheduleConfig,
    TrainingConfig,
    find_member_rate,
    is_main_process,
    measure_test,
    train_detector,
)

ONE_CYCLE = TrainingConfig(
    visual=VisualConfig("tf_efficientnet_b0"),
    data=DataConfig(num_folds=2, num_frames=4),
    loss=LossConfig(trim_fakes=0.1),
    fit=FitConfig(
        epochs=8,
        frozen_epochs=2,
        optimizer=OptimizerConfig(learning_rate=1e-3, backbone_multiplier=0.1),
        schedule=ScheduleConfig("one_cycle"),
    ),
)


@dataclass(frozen=True)
class Config:
    """Frozen, then free, one cycle each."""

    clips: Annotated[tuple[str, ...], tyro.conf.UseAppendAction]
    """Folder (or URL of one) made by avfake prepare; repeat it to join datasets."""
    out: Path = Path("runs/one_cycle")
    """Run folder; running again with the same settings goes on."""
    find_rate: bool = False
    """Look for the learning rate, in place of fit.optimizer.learning_rate."""
    search: RateConfig = field(default_factory=RateConfig)
    assembly: Annotated[TrainingConfig, tyro.conf.arg(name="")] = field(
        default_factory=lambda: ONE_CYCLE
    )


def main(config: Config) -> None:
    folders = [PreparedFolder(path) for path in config.clips]
    assembly = with_found_rate(folders, config) if config.find_rate else config.assembly
    done = train_detector(folders, assembly, config.out)
    detector = Detector.from_pretrained(done.detector)
    table = measure_test("one_cycle", detector, done.plan, config.out, seed=assembly.seed)
    if is_main_process():
        print(render(table))
        print(f"detector: {done.detector} (split {done.plan.hash})")


def with_found_rate(folders: Sequence[PreparedFolder], config: Config) -> TrainingConfig:
    """The settings with the rate of the finding, which is kept: a run that goes on reads it."""
    path = config.out / "rates.csv"
    if path.is_file():
        finding = RateFinding.load(path)
    else:
        finding = find_member_rate(folders, config.assembly, config.search)
        finding.save(path)
    for power in np.unique(np.floor(np.log10(finding.rates))):
        at = int(np.abs(np.log10(finding.rates) - power).argmin())
        print(f"learning rate {finding.rates[at]:.1e}: loss {finding.smoothed[at]:.3f}")
    logging.getLogger(__name__).info("learning rate found: %.2e", finding.suggestion)
    fit = config.assembly.fit
    optimizer = replace(fit.optimizer, learning_rate=finding.suggestion)
    return replace(config.assembly, fit=replace(fit, optimizer=optimizer))


if __name__ == "__main__":
    run_recipe(main, Config, __doc__)
