"""Ablation: the same training without one part of the detector at a time.

    python recipes/ablate.py --clips clips/ --out runs/ablation
    python recipes/ablate.py --clips clips/ --out runs/ablation --no-retrain

Trains the full detector, then one without sound, without picture, without stacker, and one for
each other fusion, all on the same clips, and prints one table with bootstrap intervals over groups,
split by what was forged. --no-retrain measures the full detector with parts switched off instead.

Time: about five times one training. All flags of recipes/dfdc_av.py are here too.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from avfake.cli import run_recipe
from avfake.training import TrainingConfig, ablate


@dataclass(frozen=True)
class Config:
    """Train and measure the ablation matrix."""

    clips: Annotated[tuple[str, ...], tyro.conf.UseAppendAction]
    """Folder (or URL of one) made by avfake prepare; repeat it to join datasets."""
    out: Path = Path("runs/ablation")
    """Run folder; running again with the same settings goes on."""
    retrain: bool = True
    """Train every variant; --no-retrain switches parts of the full detector off instead."""
    training: Annotated[TrainingConfig, tyro.conf.arg(name="")] = field(
        default_factory=TrainingConfig
    )


def main(config: Config) -> None:
    ablate(config.clips, config.training, config.out, retrain=config.retrain)


if __name__ == "__main__":
    run_recipe(main, Config, __doc__)
