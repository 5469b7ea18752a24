"""How well a detector says when a clip was forged, and which of two people.

    python -m benchmarks localisation --out runs/localisation

Makes studio clips in which each fake is forged for a while, trains a small detector on them (or
takes `--detector FOLDER`), and asks it about other people: clips of 10 s of which 1-3 s are forged,
and clips of two people of whom one is forged all along. What is made is kept: run again, it goes
on.

Writes OUT/seed_N/localisation.csv, with 95 % intervals over families. Mean IoU: of each true
segment with the one found that overlaps it most, 0 where none does. False alarms: the share of
genuine pictures, or sounds, in which a segment is found. Named: the share of two-person clips with
a forged face in which the right person, of two found, scores highest.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import pandas as pd

from avfake import Detector
from avfake.clips.archive import Clip
from avfake.clips.config import ClipConfig
from avfake.clips.preparation.folder import PreparedFolder
from avfake.clips.preparation.prepare import prepare_clips
from avfake.datasets.build import build_manifest
from avfake.datasets.schema import load_spec
from avfake.detector.timeline import SegmentConfig, face_segments, voice_segments
from avfake.evaluation.shares import share
from avfake.faces.cropping import CropConfig
from avfake.parallel import progress
from avfake.storage.files import write_whole
from avfake.studio.build import build_studio
from avfake.studio.plan import ClipPlan, StudioConfig
from avfake.training.config import TrainingConfig
from avfake.training.pipeline import train_detector
from avfake.training.run import environment
from avfake.verdict import Verdict
from benchmarks.temporal_localisation import FileSegments, localisation_table

METRICS = ("mean_iou", "ap@0.5", "ap@0.75", "ap@0.95", "ar@5")
SHIPPED = SegmentConfig()
OTHERS = tuple(
    replace(SHIPPED, start_threshold=start, end_threshold=end)
    for start, end in [(0.4, 0.2), (0.5, 0.3), (0.5, 0.5), (0.7, 0.5), (0.8, 0.6), (0.9, 0.7)]
)
"""Thresholds looked at to see how much depends on them; nothing is chosen by them."""
SMALL = TrainingConfig.preset(
    "small",
    {
        # Windows are short, so the stripes masked in training must be, too.
        "audio.mask_times": 8,
        "data.num_folds": 4,
        "data.trained_folds": 1,
        "data.val_share": 0.0,
        "data.test_share": 0.0,
        "data.num_frames": 4,
        "data.num_windows": 2,
        "data.window_seconds": 0.6,
        "data.passes": 8,
        "fit.epochs": 5,
        "fit.first_best_epoch": 5,
    },
)


@dataclass(frozen=True)
class Config:
    """What is trained and what is measured."""

    out: Path
    detector: str = ""
    """Folder or name of the one to measure; by default one is trained."""
    num_clips: int = 80
    """Clips of each of the two studios it is measured on; three quarters are fakes."""
    seconds: float = 10.0
    splice_seconds: tuple[float, float] = (1.0, 3.0)
    seed: int = 7_000_000
    """Seed of the people it is measured on."""
    workers: int = 2
    train: StudioConfig = field(
        # Short clips of many people teach more than long ones of few.
        default_factory=lambda: StudioConfig(
            480, seconds=3.0, seed=5_000_000, splice_seconds=(1.0, 2.0)
        )
    )
    clips: ClipConfig = field(
        default_factory=lambda: ClipConfig(num_frames=32, crop=CropConfig(size_px=128))
    )
    training: TrainingConfig = field(default_factory=lambda: SMALL)


def main(config: Config) -> None:
    detector = Detector.from_pretrained(config.detector or trained(config))
    spliced = StudioConfig(
        config.num_clips,
        seconds=config.seconds,
        seed=config.seed,
        splice_seconds=config.splice_seconds,
    )
    pairs = StudioConfig(
        config.num_clips, seconds=config.seconds, seed=config.seed + 1, num_people=2
    )
    print(f"{detector.name}, {config.num_clips} clips each, seed {config.seed}")
    measured = config.out / f"seed_{config.seed}"
    verdicts = assessed(detector, spliced, measured / "spliced", config.workers)
    tables = [
        when(verdicts, stream, segments, METRICS if segments == SHIPPED else METRICS[:1])
        for segments in (SHIPPED, *OTHERS)
        for stream in ("face", "voice")
    ]
    tables.append(whose(assessed(detector, pairs, measured / "pairs", config.workers)))
    table = pd.concat(tables).assign(
        seed=config.seed,
        detector=detector.name.rpartition("@")[2],
        commit=environment()["commit"],
    )
    write_whole(measured / "localisation.csv", table.to_csv(index=False))
    print(table.drop(columns=["seed", "detector", "commit"]).to_string(index=False))


def trained(config: Config) -> Path:
    """Return the folder of a detector trained for this."""
    folder = config.out / "train"
    build_studio(folder / "studio", config.train, workers=config.workers)
    clips = prepared(folder, config.clips, config.workers, reuse_boxes=True)
    return train_detector([clips], config.training, config.out / "run").detector


def assessed(
    detector: Detector, studio: StudioConfig, folder: Path, workers: int
) -> list[tuple[ClipPlan, Verdict]]:
    """Return each clip of a studio with its verdict; the clips and what is cut of them are kept."""
    plans = build_studio(folder / "studio", studio, workers=workers)
    clips = prepared(folder, detector.members[0].spec.clip, workers, reuse_boxes=False)
    archives = {clip.row.clip_id: clip.archive for clip in clips.clips}
    return [
        (plan, detector.predict_clip(Clip.open(archives[plan.filename])))
        for plan in progress(plans, desc="assess", unit="clip")
    ]


def prepared(
    folder: Path, config: ClipConfig, workers: int, *, reuse_boxes: bool
) -> PreparedFolder:
    """folder/clips, of the studio in folder/studio.

    reuse_boxes: of a genuine clip, for its fakes; whoever asks about a file has no original.
    """
    manifest = build_manifest(load_spec("studio"), folder / "studio")
    return prepare_clips(
        manifest, folder / "clips", config, workers=workers, reuse_boxes=reuse_boxes
    )


def when(
    verdicts: Sequence[tuple[ClipPlan, Verdict]],
    stream: str,
    segments: SegmentConfig,
    metrics: Sequence[str],
) -> pd.DataFrame:
    """The rows of one stream, "face" or "voice"."""
    files = [compared(clip, verdict, stream, segments) for clip, verdict in verdicts]
    table = localisation_table(files, [clip.family for clip, _ in verdicts], metrics=metrics)
    table.insert(0, "what", stream)
    return table.assign(start=segments.start_threshold, end=segments.end_threshold)


def whose(verdicts: Sequence[tuple[ClipPlan, Verdict]]) -> pd.DataFrame:
    """One row: of two people, how often the right one is named."""
    forged = [(clip, verdict) for clip, verdict in verdicts if clip.forged_side]
    named = np.array([suspected_side(verdict) == clip.forged_side for clip, verdict in forged])
    found = share(named, [clip.family for clip, _ in forged])
    return pd.DataFrame(
        [{"what": "person", "metric": "named", **asdict(found), "count": len(forged)}]
    )


def compared(
    clip: ClipPlan, verdict: Verdict, stream: str, segments: SegmentConfig
) -> FileSegments:
    """What is found and what is there, of "face" or "voice"."""
    found = voice_segments(verdict.voice, segments)
    if stream == "face":
        found = tuple(
            one for person in verdict.persons for one in face_segments(person.frames, segments)
        )
    return FileSegments(
        tuple((one.start_seconds, one.end_seconds, one.score) for one in found),
        tuple((start, end) for start, end, where in clip.segments if where == stream),
    )


def suspected_side(verdict: Verdict) -> str | None:
    """Where the most suspicious person is; None unless two people were found."""
    if verdict.suspect is None or len(verdict.persons) != 2:
        return None
    centre = {p.person_id: p.frames[0].box[0] + p.frames[0].box[2] for p in verdict.persons}
    return "left" if centre[verdict.suspect.person_id] == min(centre.values()) else "right"
