"""The flagship on DFDC-layout data: both branches, sync, cross-attention, self-blending, folds.

    avfake prepare dfdc /data/dfdc clips/
    python recipes/dfdc_av.py --clips clips/ --out runs/dfdc_av

DFDC labels a fake as a whole: its face is assumed forged (--data.assume-face-weight), its voice
stays unknown. Without voice labels the voice branch is left out, with a warning; join a
set that has them: --clips clips/ --clips voices/. Ablate with --no-audio, --no-visual,
--no-stacker, --no-sync, --fusion.kind gated, --augment.forge.face-rate 0.

On the GPU where there is one. On several GPUs or, for a trial, several CPU processes:

    accelerate launch --multi_gpu --num_processes 2 recipes/dfdc_av.py --clips clips/
    torchrun --standalone --nproc-per-node 2 recipes/dfdc_av.py --clips clips/

(--multi_gpu also on CPUs.) What was run, and on what: recipes/README.md.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from avfake.cli import run_recipe
from avfake.training import TrainingConfig, train_and_test


@dataclass(frozen=True)
class Config:
    """Train a detector on prepared clips and measure it on groups it has not seen."""

    clips: Annotated[tuple[str, ...], tyro.conf.UseAppendAction]
    """Folder (or URL of one) made by avfake prepare; repeat it to join datasets."""
    out: Path = Path("runs/dfdc_av")
    """Run folder; running again with the same settings goes on."""
    training: Annotated[TrainingConfig, tyro.conf.arg(name="")] = field(
        default_factory=lambda: TrainingConfig.preset("dfdc_av")
    )


def main(config: Config) -> None:
    train_and_test("dfdc_av", config.clips, config.training, config.out)


if __name__ == "__main__":
    run_recipe(main, Config, __doc__)
