"""Can a probability be taken at its word, and a set at its promise? On 1,000 clips never seen.

    python -m benchmarks calibration --out runs/calibration

Makes 1,600 studio clips of 2 s, trains on the people of some 400, holds back 190 by which the
average of the models is calibrated, and asks the detector about the others: calibration error in
15 bins of equal mass, as trained and again under `--prior`, on the same clips weighted so that
fakes are as rare as it says; the slope by which logits would have to be multiplied; and how often
the conformal set holds the truth. Three times, from three seeds: one training alone is right or
wrong by chance. Intervals are 95 % over families. Writes calibration.csv, with a row for each seed;
stopped, it goes on.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from avfake import Detector
from avfake.calibration.curves import fit_platt
from avfake.calibration.probabilities import to_logits
from avfake.clips.config import ClipConfig
from avfake.clips.preparation.folder import PreparedFolder
from avfake.clips.preparation.prepare import prepare_clips
from avfake.datasets.build import build_manifest
from avfake.datasets.schema import load_spec
from avfake.detector import PredictOptions
from avfake.evaluation.bootstrap import Interval, bootstrap
from avfake.evaluation.metrics import METRICS, Metric
from avfake.evaluation.shares import share
from avfake.faces.cropping import CropConfig
from avfake.labels import COLUMNS
from avfake.storage.files import write_whole
from avfake.studio.build import build_studio
from avfake.studio.plan import StudioConfig
from avfake.training.config import TrainingConfig
from avfake.training.pipeline import train_detector
from avfake.training.results import measure

SMALL = TrainingConfig.preset(
    "small",
    {
        "data.num_folds": 3,
        "data.val_share": 0.12,
        "data.test_share": 0.63,
        "data.window_seconds": 1.5,
        "data.passes": 6,
        "fit.epochs": 4,
        "fit.first_best_epoch": 4,
    },
)


@dataclass(frozen=True)
class Config:
    """What is asked."""

    out: Path
    studio: StudioConfig = field(
        default_factory=lambda: StudioConfig(1600, seed=5_000_000, difficulty=0.5)
    )
    prior: float = 0.2
    """Share of fakes in the weighted set; in the studio it is three quarters."""
    seeds: tuple[int, ...] = (0, 1, 2)
    """Seeds of the trainings; each divides the people in its own way."""
    workers: int = 2


def main(config: Config) -> None:
    build_studio(config.out / "videos", config.studio, workers=config.workers)
    manifest = build_manifest(load_spec("studio"), config.out / "videos")
    clips = ClipConfig(num_frames=8, crop=CropConfig(size_px=128))
    folder = prepare_clips(manifest, config.out / "clips", clips, workers=config.workers)
    rows = [row for seed in config.seeds for row in train_and_ask(folder, seed, config)]
    table = pd.DataFrame(rows)
    write_whole(config.out / "calibration.csv", table.to_csv(index=False))
    print(table.round(4).to_string(index=False))
    means = table.groupby(["metric", "output", "set"], sort=False)["value"].agg(
        ["mean", "min", "max"]
    )
    print(means.round(4).to_string())


def train_and_ask(folder: PreparedFolder, seed: int, config: Config) -> Iterator[dict[str, object]]:
    """Yield the rows of one training."""
    run = train_detector([folder], replace(SMALL, seed=seed), config.out / f"run_{seed}")
    detector, tested = Detector.from_pretrained(run.detector), run.plan.splits["test"]
    as_trained = measure(detector, tested)
    shifted = reweighted(
        measure(detector, tested, PredictOptions(prior=config.prior)), config.prior
    )
    facts = {"seed": seed, "clips": len(tested), "detector": detector.name.rpartition("@")[2]}
    for found in (
        calibration(as_trained, "as trained"),
        calibration(shifted, f"prior {config.prior:g}"),
        coverage(detector, as_trained),
    ):
        yield from (one | facts for one in found)


def reweighted(scores: pd.DataFrame, prior: float) -> pd.DataFrame:
    """Genuine clips repeated until fakes are the share `prior`, to the nearest whole number."""
    genuine = scores[~scores["label"].astype(bool)]
    fakes = len(scores) - len(genuine)
    times = round(fakes * (1 - prior) / prior / len(genuine))
    return pd.concat([scores, *[genuine] * (times - 1)], ignore_index=True)


def calibration(scores: pd.DataFrame, world: str) -> Iterator[dict[str, object]]:
    """Yield calibration error, slope and AUC of each output, over the clips that it assessed."""
    for output, (probability, label) in COLUMNS.items():
        known = scores.dropna(subset=[probability, label])
        p, y = known[probability].to_numpy(float), known[label].to_numpy(float)
        for metric, measure_of in MEASURES.items():
            yield row(metric, output, world, bootstrap(measure_of, p, y, known["group"].tolist()))


def calibration_slope(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return by what logits would have to be multiplied; above 1, answers are too cautious."""
    return fit_platt(to_logits(probabilities), labels).slope


MEASURES: dict[str, Metric] = {
    **{name: METRICS[name] for name in ("calibration_error", "log_loss", "auc")},
    "calibration_slope": calibration_slope,
}


def coverage(detector: Detector, scores: pd.DataFrame) -> Iterator[dict[str, object]]:
    """How often the conformal set of the overall answer holds the truth."""
    rule = detector.members[0].decision_model.rule(use_stacker=True, modality="whole")
    assert rule is not None
    is_fake = scores["label"].to_numpy(bool)
    sets = np.array([rule.band.contains(p) for p in scores["p_fake"]])  # [N, 2] real, fake
    holds = np.where(is_fake, sets[:, 1], sets[:, 0])
    for name, rows in [("all", np.ones_like(is_fake)), ("genuine", ~is_fake), ("fake", is_fake)]:
        found = share(holds[rows], scores["group"][rows].tolist())
        yield row("coverage", "overall", f"{name}, promised {rule.band.confidence:g}", found)


def row(metric: str, output: str, world: str, found: Interval) -> dict[str, object]:
    return {"metric": metric, "output": output, "set": world} | asdict(found)
