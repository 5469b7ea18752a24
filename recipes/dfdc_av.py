"""The flagship on DFDC-layout data: both branches, gated fusion, folds, stacker, calibration.

    avfake prepare dfdc /data/dfdc clips/
    python recipes/dfdc_av.py --clips clips/ --out runs/dfdc_av
    accelerate launch recipes/dfdc_av.py --clips clips/ --out runs/dfdc_av

DFDC says of a fake only that something is forged: the face is assumed (--data.assume-face-weight),
the voice stays unknown. Without voice labels the voice branch is left out, with a warning; join a
set that has them: --clips clips/ --clips voices/. Ablate with --no-audio, --no-visual,
--no-stacker, --fusion.kind concat.

Time: about N s a clip and epoch. Run here at small scale only: see recipes/README.md.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from avfake.assembly import AssemblyConfig, DataConfig, assemble, measure
from avfake.detector import Detector
from avfake.evaluate import ablation_table, render
from avfake.models import VisualConfig
from avfake.prepare import PreparedFolder


@dataclass(frozen=True)
class Config(AssemblyConfig):
    """Train a detector on prepared clips and measure it on people it has not seen."""

    clips: Annotated[tuple[Path, ...], tyro.conf.UseAppendAction] = ()
    """Folder made by avfake prepare; repeat it to join datasets."""
    out: Path = Path("runs/dfdc_av")
    """Run folder; running again with the same settings goes on."""
    visual: VisualConfig = field(default_factory=lambda: VisualConfig("tf_efficientnet_b0"))
    data: DataConfig = field(default_factory=lambda: DataConfig(num_folds=3, num_frames=4))


def main(config: Config) -> None:
    done = assemble([PreparedFolder(path) for path in config.clips], config, config.out)
    scores = measure(Detector.from_pretrained(done.detector), done.plan.splits["test"])
    scores.to_csv(config.out / "test_scores.csv", index=False)
    table = ablation_table([("dfdc_av", scores)])
    table.to_csv(config.out / "test_metrics.csv", index=False)
    print(render(table))
    print(f"detector: {done.detector} (split {done.plan.hash})")


if __name__ == "__main__":
    main(tyro.cli(Config, description=__doc__))
