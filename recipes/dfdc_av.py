"""The flagship on DFDC-layout data: both branches, sync, cross-attention, self-blending, folds.

    avfake prepare dfdc /data/dfdc clips/
    python recipes/dfdc_av.py --clips clips/ --out runs/dfdc_av

DFDC says of a fake only that something is forged: the face is assumed (--data.assume-face-weight),
the voice stays unknown. Without voice labels the voice branch is left out, with a warning; join a
set that has them: --clips clips/ --clips voices/. Ablate with --no-audio, --no-visual,
--no-stacker, --no-sync, --fusion.kind gated, --augment.forge.face-rate 0.

On the GPU where there is one. On several GPUs or, for a trial, several CPU processes:

    accelerate launch --multi_gpu --num_processes 2 recipes/dfdc_av.py --clips clips/
    torchrun --standalone --nproc-per-node 2 recipes/dfdc_av.py --clips clips/

(--multi_gpu also on CPUs.) What was run, and on what, stands in recipes/README.md.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from avfake.augment import AugmentConfig, ForgeConfig
from avfake.cli import run_recipe
from avfake.clips import PreparedFolder
from avfake.detector import Detector
from avfake.evaluation import render
from avfake.models import FusionConfig, VisualConfig
from avfake.training import (
    DataConfig,
    TrainingConfig,
    is_main_process,
    measure_test,
    train_detector,
)

# What helped over the plain detector (recipes/results/additions.csv): lips held against the sound,
# cross-attention, faces blended with themselves, several models averaged (here those of the folds).
FLAGSHIP = TrainingConfig(
    visual=VisualConfig("tf_efficientnet_b0"),
    fusion=FusionConfig("cross_attention"),
    use_sync=True,
    data=DataConfig(num_folds=3, num_frames=4),
    augment=AugmentConfig(forge=ForgeConfig(face_rate=0.5)),
)


@dataclass(frozen=True)
class Config:
    """Train a detector on prepared clips and measure it on groups it has not seen."""

    clips: Annotated[tuple[str, ...], tyro.conf.UseAppendAction]
    """Folder (or URL of one) made by avfake prepare; repeat it to join datasets."""
    out: Path = Path("runs/dfdc_av")
    """Run folder; running again with the same settings goes on."""
    assembly: Annotated[TrainingConfig, tyro.conf.arg(name="")] = field(
        default_factory=lambda: FLAGSHIP
    )


def main(config: Config) -> None:
    folders = [PreparedFolder(path) for path in config.clips]
    done = train_detector(folders, config.assembly, config.out)
    detector = Detector.from_pretrained(done.detector)
    table = measure_test("dfdc_av", detector, done.plan, config.out, seed=config.assembly.seed)
    if not is_main_process():
        return
    print(render(table))
    print(f"pictures: {config.out / 'figures'}")
    print(f"detector: {done.detector} (split {done.plan.hash})")


if __name__ == "__main__":
    run_recipe(main, Config, __doc__)
