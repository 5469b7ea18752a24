"""Face and voice from exact labels of what was forged, and when: FakeAVCeleb, LAV-DF.

    avfake prepare fakeavceleb /data/FakeAVCeleb clips/
    avfake prepare lavdf /data/LAV-DF words/
    python recipes/av_exact.py --clips clips/ --clips words/

Nothing is assumed: each head learns from the label of its own stream. Where rows name forged
segments (LAV-DF, AV-Deepfake1M), a crop is a fake only inside one and a window of sound only where
it overlaps one; a clip of which nothing forged was drawn counts as genuine that time. Prints the
table by what was forged and, where there are segments, the AUC of single crops and windows ("each
moment").

Published: AVFF on FakeAVCeleb, accuracy 98.6 %, AUC 0.991 (arXiv 2406.02951); BA-TFD+ on LAV-DF,
AP@0.5 96.3 but AP@0.95 4.4. Neither set was available; what was run: recipes/README.md.

Note: fakes of both sets begin with a moment of silence that alone reveals most of them (arXiv
2412.00175). Windows are drawn at random times, which weakens that cue but does not remove it:
compare a result with --no-audio, and with a set of another kind. Published numbers come from the
authors' splits (LAV-DF: its own; FakeAVCeleb: 70/30 by person), this recipe splits by groups.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from avfake.cli import run_recipe
from avfake.training import TrainingConfig, train_and_test


@dataclass(frozen=True)
class Config:
    """Train on exact labels and measure by what was forged, and by when."""

    clips: Annotated[tuple[str, ...], tyro.conf.UseAppendAction]
    """Folder (or URL of one) made by avfake prepare; repeat it to join datasets."""
    out: Path = Path("runs/av_exact")
    """Run folder; running again with the same settings goes on."""
    training: Annotated[TrainingConfig, tyro.conf.arg(name="")] = field(
        default_factory=lambda: TrainingConfig.preset("av_exact")
    )


def main(config: Config) -> None:
    train_and_test("av_exact", config.clips, config.training, config.out).show_moments()


if __name__ == "__main__":
    run_recipe(main, Config, __doc__)
