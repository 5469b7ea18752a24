"""BlazeFace crops, several EfficientNets blended, a sound model added: with and without it.

    avfake prepare dfdc /data/dfdc clips/ --detector blazeface --detector-model short_range.tflite
    python recipes/dfdc_blend.py --clips clips/ --clips voices/

Each network of --backbones is trained by itself and sees pictures alone; a sound model hears alone.
Their calibrated probabilities are averaged as logits. The table has every model, the blend of the
pictures ("blend") and the blend with the sound ("blend+sound"). Both blends open like any detector.
DFDC has no voice labels, and without any the sound model is left out: join a set that has them
(voices/), or derive them (avfake labels). Where to get the model file: docs/blazeface.md. Crops of
MTCNN (no --detector) do as well.

Published: top 8 % of the public DFDC leaderboard; sound "did not result in any improvement". Its
sound model, boosted trees over 16 statistics of each soundtrack, had AUC 0.912 on a random split in
which fakes of one original lie on both sides, and called some 30 % of other genuine videos forged.
What was run here, on what, stands in recipes/README.md.

Differs from the source: which EfficientNets it blended and how is not told, b0, b1 and b3 and the
mean of logits are our choice; the sound model is a network over mel spectrograms that is never
trained on the label of the video; splits keep fakes with their originals; every answer is
calibrated out of fold before it is blended. Time: about that of one training a network, and more
for the larger ones.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import tyro

from avfake.cli import run_recipe
from avfake.clips import PreparedFolder
from avfake.detector import Detector, write_ensemble
from avfake.evaluation import render
from avfake.storage import write_whole
from avfake.training import (
    DataConfig,
    TrainedDetector,
    TrainingConfig,
    gather,
    is_main_process,
    measure,
    on_main_process,
    publish_test,
    record_results,
    train_detector,
)

logger = logging.getLogger(__name__)
BLEND = TrainingConfig(data=DataConfig(num_folds=2, num_frames=4))


@dataclass(frozen=True)
class Config:
    """Train the networks, blend them, and see what the sound adds."""

    clips: Annotated[tuple[str, ...], tyro.conf.UseAppendAction]
    """Folder (or URL of one) made by avfake prepare; repeat it to join datasets."""
    out: Path = Path("runs/dfdc_blend")
    """Run folder; running again with the same settings goes on."""
    backbones: tuple[str, ...] = ("tf_efficientnet_b0", "tf_efficientnet_b1", "tf_efficientnet_b3")
    """Networks of the blend, as timm names them; each is trained by itself."""
    rule: str = "logit_mean"
    """How they are blended: logit_mean, mean, geometric_mean, ... (see avfake ensemble)."""
    sound: bool = True
    """Train a sound model too, and measure the blend with and without it."""
    assembly: Annotated[TrainingConfig, tyro.conf.arg(name="")] = field(
        default_factory=lambda: BLEND
    )


def main(config: Config) -> None:
    folders = [PreparedFolder(path) for path in config.clips]
    pictures = {
        name: train_detector(folders, _seeing(config.assembly, name), config.out / name)
        for name in config.backbones
    }
    blends = {"blend": list(pictures.values())}
    singles = dict(pictures)
    if config.sound and _has_voices(folders):
        hearing = replace(config.assembly, use_visual=False, use_audio=True)
        singles["sound"] = train_detector(folders, hearing, config.out / "sound")
        blends["blend+sound"] = list(singles.values())
    plan = next(iter(pictures.values())).plan
    detectors = {name: done.detector for name, done in singles.items()}
    detectors |= {name: _blended(parts, config, name) for name, parts in blends.items()}
    measured = [
        (name, measure(Detector.from_pretrained(path), plan.splits["test"]))
        for name, path in reversed(detectors.items())
    ]
    table = record_results(measured, plan, config.out, seed=config.assembly.seed)
    if is_main_process():
        for name, scores in reversed(measured):  # the pictures beside the blends: of the last
            tested = config.out / f"scores_{name}.csv"
            write_whole(tested, scores.to_csv(index=False))
            publish_test(detectors[name], plan, tested)
        print(render(table))
        for name in blends:
            print(f"{name}: {detectors[name]} (split {plan.hash})")


def _seeing(assembly: TrainingConfig, backbone: str) -> TrainingConfig:
    visual = replace(assembly.visual, backbone=backbone)
    return replace(assembly, visual=visual, use_visual=True, use_audio=False)


def _blended(parts: Sequence[TrainedDetector], config: Config, name: str) -> Path:
    folder = config.out / name
    names = tuple(str(done.detector) for done in parts)
    on_main_process(lambda: write_ensemble(folder, names, config.rule))
    return folder


def _has_voices(folders: Sequence[PreparedFolder]) -> bool:
    examples = gather(folders, assume_face_weight=0.0)
    found = {e.labels.voice for e in examples if e.knows("voice")}
    if len(found) < 2:
        logger.warning(
            "no sound model: there are no genuine and forged voices with labels among these clips; "
            "join a set that has them (--clips voices/) or derive them (avfake labels)"
        )
    return len(found) == 2


if __name__ == "__main__":
    run_recipe(main, Config, __doc__)
