"""Face and voice from data that says exactly what was forged, and when: FakeAVCeleb, LAV-DF.

    avfake prepare fakeavceleb /data/FakeAVCeleb clips/
    avfake prepare lavdf /data/LAV-DF words/
    python recipes/av_exact.py --clips clips/ --clips words/

Nothing is assumed: each head learns from the label of its own stream. Where rows name forged
stretches (LAV-DF, AV-Deepfake1M), a crop is a fake only inside one and a window of sound only where
it overlaps one; a clip of which nothing forged was drawn counts as genuine that time. Prints the
table by what was forged and, where there are stretches, how well single crops and windows are told
apart ("each moment").

Published: AVFF on FakeAVCeleb, accuracy 98.6 %, AUC 0.991 (arXiv 2406.02951); BA-TFD+ on LAV-DF,
AP@0.5 96.3 but AP@0.95 4.4. Neither set was at hand; what was run stands in recipes/README.md.

Beware: fakes of both sets begin with a moment of silence that alone gives most of them away (arXiv
2412.00175). Windows are drawn at random places, which weakens that cue but does not remove it: hold
a result against --no-audio, and against a set of another kind. Published numbers come from the
authors' splits (LAV-DF: its own; FakeAVCeleb: 70/30 by person), this recipe splits by groups.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import pandas as pd
import tyro

from avfake.cli import run_recipe
from avfake.clips import Clip, PreparedFolder, sample_clip, sample_labels
from avfake.detector import Detector
from avfake.evaluation import ablation_table, render
from avfake.storage import write_whole
from avfake.training import (
    DataConfig,
    Example,
    TrainingConfig,
    is_main_process,
    measure_test,
    train_detector,
)

EXACT = TrainingConfig(
    # About the length of a forged word: a longer window would be mostly genuine.
    data=DataConfig(
        num_folds=2, num_frames=8, num_windows=8, window_seconds=0.64, assume_face_weight=0.0
    ),
)


@dataclass(frozen=True)
class Config:
    """Train on exact labels and measure by what was forged, and by when."""

    clips: Annotated[tuple[str, ...], tyro.conf.UseAppendAction]
    """Folder (or URL of one) made by avfake prepare; repeat it to join datasets."""
    out: Path = Path("runs/av_exact")
    """Run folder; running again with the same settings goes on."""
    assembly: Annotated[TrainingConfig, tyro.conf.arg(name="")] = field(
        default_factory=lambda: EXACT
    )


def main(config: Config) -> None:
    folders = [PreparedFolder(path) for path in config.clips]
    done = train_detector(folders, config.assembly, config.out)
    detector = Detector.from_pretrained(done.detector)
    table = measure_test("av_exact", detector, done.plan, config.out, seed=config.assembly.seed)
    if not is_main_process():
        return
    print(render(table))
    moments = pd.DataFrame(_moments(detector, done.plan.splits["test"]))
    if len(moments):
        inside = ablation_table([("each moment", moments)], metrics=["auc"])
        inside = inside[inside["output"] != "overall"]
        write_whole(config.out / "moments.csv", inside.to_csv(index=False))
        print(render(inside))
    else:
        print("no test clip names the stretches that are forged: moments are not measured")
    print(f"detector: {done.detector} (split {done.plan.hash})")


def _moments(detector: Detector, examples: Sequence[Example]) -> Iterator[dict[str, object]]:
    """A row for each crop and each window of the clips that name forged stretches."""
    [member] = detector.members
    for example in examples:
        if not example.row.segments:
            continue
        clip = Clip.open(example.archive)
        sampled = sample_clip(clip, member.bundle.spec.whole())
        seen = sample_labels(example.labels, example.row.segments, sampled)
        scores = member.score_clip(clip)
        for part, found, forged, label in (
            ("face", scores.frame_scores, seen.forged_frames, seen.labels.face),
            ("voice", scores.window_scores, seen.forged_windows, seen.labels.voice),
        ):
            for p, share in zip(found, forged, strict=False):  # no scores without that branch
                row = dict.fromkeys(("label", "face_fake", "voice_fake", "p_fake"))
                row |= {"p_face_fake": None, "p_voice_fake": None, "group": example.row.group}
                yield row | {f"{part}_fake": bool(share * label), f"p_{part}_fake": float(p)}


if __name__ == "__main__":
    run_recipe(main, Config, __doc__)
