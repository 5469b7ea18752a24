"""How many faces are found, how exactly, and what it costs, beside MTCNN frame by frame.

    python -m benchmarks face_finding --media ../shared/media --samples 32 --videos 60 --keep

Searches: *plain* is what a user would write, facenet-pytorch's MTCNN with its own settings on
frames of half the size, one at a time; *earlier* is facenet-pytorch's driver with avfake's
settings and sizes, which avfake used before; *full* is avfake's own driver on every frame;
*every N* searches each N-th frame and follows faces between. Recall counts the faces of *plain*
and of *full* that pass avfake's size and confidence, found again with IoU >= 0.5; extra are faces
that those do not have.
Crops are compared with those of *full*: crops_unlike are those that only one of both has.
One row for each source and one for all; CPU milliseconds are process time on one thread. No part of
any picture is kept. Ctrl+C ends it with what was measured so far.
"""

import platform
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from facenet_pytorch import MTCNN
from PIL import Image
from torch.nn import functional as F
from tqdm import tqdm

from avfake.faces import CropConfig, DetectConfig, FaceTrack, make_detector, track_faces
from avfake.faces.detecting import detection_scale
from avfake.faces.types import Detections
from avfake.media import probe, read_frames
from avfake.training.run import environment

RESULTS = Path(__file__).parent / "results" / "face_finding.csv"
REFERENCES = ("plain", "full")
Search = Callable[[np.ndarray], list[Detections]]


@dataclass(frozen=True)
class Config:
    """What is measured."""

    media: Path
    """Folder with `video/` and `manifest.csv` (columns filename, source)."""
    samples: int = 12
    """Frames of each video."""
    videos: int = 0
    """Number of videos, spread evenly over the sources; 0 for all."""
    every: tuple[int, ...] = (4, 8)
    """Values of `search_every`."""
    earlier: bool = False
    """Measure also the driver of facenet-pytorch with avfake's settings."""
    keep: bool = False
    """Add the rows to the results."""


def main(config: Config) -> None:
    torch.set_num_threads(1)
    rows = pd.read_csv(config.media / "manifest.csv")
    # The first videos of all sources, then the second ones, and so on.
    rows = rows.iloc[rows.groupby("source").cumcount().argsort(kind="stable")]
    if config.videos:
        rows = rows.head(config.videos)
    searches, measured = all_searches(config), []
    try:
        for row in tqdm(rows.itertuples(), total=len(rows)):
            path = config.media / "video" / str(row.filename)
            frames = read_frames(path, probe(path).sample_times(config.samples)).pixels
            measured += [{"source": row.source, **one} for one in compare(frames, searches)]
    except KeyboardInterrupt:
        print(f"ended after {len(measured) // len(searches)} of {len(rows)} videos")
    table = summary(pd.DataFrame(measured))
    table = table.assign(
        samples=config.samples, commit=environment()["commit"], hardware=hardware()
    )
    print(table[table["source"] == "all"].round(4).to_string(index=False))
    if config.keep:
        table.round(4).to_csv(RESULTS, mode="a", header=not RESULTS.exists(), index=False)


def all_searches(config: Config) -> dict[str, Search]:
    """Return name -> search."""
    plain = MTCNN(keep_all=True)
    searches: dict[str, Search] = {"plain": lambda frames: plainly(plain, frames)}
    if config.earlier:
        settings = DetectConfig()
        network = MTCNN(
            keep_all=True,
            select_largest=False,
            thresholds=list(settings.thresholds),
            factor=settings.pyramid_factor,
        )
        searches["earlier"] = lambda frames: as_earlier(network, frames, settings)
    searches["full"] = make_detector(DetectConfig(search_every=1)).detect
    for every in config.every:
        searches[f"every {every}"] = make_detector(DetectConfig(search_every=every)).detect
    return searches


def plainly(network: MTCNN, frames: np.ndarray) -> list[Detections]:
    """Search frames of half the size, one at a time."""
    found = []
    for frame in frames:
        image = Image.fromarray(frame)
        half = image.resize((max(1, image.width // 2), max(1, image.height // 2)))
        found.append(detections(network.detect(half, landmarks=True), scale=0.5))
    return found


def as_earlier(network: MTCNN, frames: np.ndarray, settings: DetectConfig) -> list[Detections]:
    """Search batches of frames by facenet-pytorch's driver, at avfake's sizes."""
    height, width = frames.shape[1:3]
    scale = detection_scale(height, width)
    smallest = max(settings.min_face_px, settings.min_face_share * max(height, width))
    network.min_face_size = max(12.0, smallest * scale)
    size = [round(side * scale) for side in (height, width)]
    together = max(1, int(settings.batch_pixels / (height * width * scale**2)))
    found = []
    for start in range(0, len(frames), together):
        pixels = torch.from_numpy(frames[start : start + together]).permute(0, 3, 1, 2)
        if scale != 1:
            pixels = F.interpolate(pixels, size, mode="bilinear", antialias=True)
        batch = network.detect(pixels.permute(0, 2, 3, 1).float(), landmarks=True)
        found += [detections(one, scale) for one in zip(*batch, strict=True)]
    return found


def detections(found: tuple, scale: float) -> Detections:
    boxes, confidences, points = found if found[0] is not None else ([], [], [])
    shapes = ((boxes, (4,)), (confidences, ()), (points, (5, 2)))
    columns = [np.asarray(given, np.float32).reshape(-1, *shape) for given, shape in shapes]
    return Detections(columns[0] / scale, columns[1], columns[2] / scale)


def compare(frames: np.ndarray, searches: dict[str, Search]) -> list[dict[str, float | str]]:
    """Return the figures of each search over the frames of one video."""
    found, seconds = {}, {}
    for name, search in searches.items():
        started = time.process_time()
        found[name] = search(frames)
        seconds[name] = time.process_time() - started
    side = max(frames.shape[1:3])
    settings = DetectConfig()
    smallest = max(settings.min_face_px, settings.min_face_share * side)
    counted = {
        name: [large_and_sure(one, smallest, settings.thresholds[2]) for one in every]
        for name, every in found.items()
    }
    rows = []
    for name in searches:
        row: dict[str, float | str] = {"search": name, "frames": len(frames)}
        row["cpu_s"] = seconds[name]
        for other in REFERENCES:
            ious = [matched(a, b) for a, b in zip(counted[other], found[name], strict=True)]
            again = [matched(a, b) for a, b in zip(counted[name], found[other], strict=True)]
            row[f"faces_{other}"] = sum(map(len, ious))
            row[f"refound_{other}"] = sum(int((one >= 0.5).sum()) for one in ious)
            row[f"extra_{other}"] = sum(int((one < 0.5).sum()) for one in again)
            row[f"ious_{other}"] = np.concatenate([one[one >= 0.5] for one in ious])
        row.update(moved(track_faces(found["full"]), track_faces(found[name])))
        rows.append(row)
    return rows


def large_and_sure(found: Detections, smallest: float, confidence: float) -> np.ndarray:
    """Return the boxes that pass avfake's settings."""
    sides = (found.boxes[:, 2:] - found.boxes[:, :2]).max(1, initial=0)
    return found.boxes[(sides >= smallest) & (found.confidences >= confidence)]


def matched(boxes: np.ndarray, found: Detections) -> np.ndarray:
    """Return for each of `boxes` the largest intersection over union with a found face."""
    if not len(boxes) or not len(found):
        return np.zeros(len(boxes))
    low = np.maximum(boxes[:, None, :2], found.boxes[:, :2])
    high = np.minimum(boxes[:, None, 2:], found.boxes[:, 2:])
    shared = np.prod((high - low).clip(0), axis=2)
    areas = [np.prod(some[:, 2:] - some[:, :2], axis=1) for some in (boxes, found.boxes)]
    return (shared / (areas[0][:, None] + areas[1] - shared)).max(1)


def moved(before: list[FaceTrack], after: list[FaceTrack]) -> dict[str, object]:
    """Return how much the squares that are cropped move, and crops that only one of both has."""
    squares = [squares_of(tracks) for tracks in (before, after)]
    both = sorted(set(squares[0]) & set(squares[1]))
    first, second = (np.array([some[key] for key in both]).reshape(-1, 4) for some in squares)
    sides = first[:, 2] - first[:, 0]
    middles = (first[:, :2] + first[:, 2:] - second[:, :2] - second[:, 2:]) / 2
    return {
        "crops": len(squares[0]),
        "crops_unlike": len(set(squares[0]) ^ set(squares[1])),
        "shifts": np.linalg.norm(middles, axis=1) / sides,
        "scales": np.abs(np.log((second[:, 2] - second[:, 0]) / sides)),
    }


def squares_of(tracks: list[FaceTrack]) -> dict[tuple[int, int], np.ndarray]:
    """Return (person, frame) -> square [4] px that is cropped."""
    return {
        (track.person_id, int(frame)): square
        for track in tracks
        for frame, square in zip(track.frame_indices, track.squares(CropConfig()), strict=True)
    }


def summary(measured: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each source and search, and one for all of them."""
    parts = [*measured.groupby("source"), ("all", measured)]
    rows = [
        {"source": source, "search": name, **figures(group)}
        for source, part in parts
        for name, group in part.groupby("search", sort=False)
    ]
    return pd.DataFrame(rows)


def figures(group: pd.DataFrame) -> dict[str, float]:
    """Return the figures of one search over some videos."""
    row: dict[str, float] = {"videos": len(group), "frames": int(group["frames"].sum())}
    row["cpu_ms_a_frame"] = 1000 * float(group["cpu_s"].sum()) / row["frames"]
    for other in REFERENCES:
        faces = int(group[f"faces_{other}"].sum())
        ious = np.concatenate([*group[f"ious_{other}"]])
        row[f"faces_{other}"] = faces
        row[f"recall_{other}"] = group[f"refound_{other}"].sum() / faces if faces else np.nan
        row[f"median_iou_{other}"] = float(np.median(ious)) if len(ious) else np.nan
        row[f"extra_{other}"] = int(group[f"extra_{other}"].sum())
    shifts, scales = (np.concatenate([*group[name]]) for name in ("shifts", "scales"))
    row["crops"], row["crops_unlike"] = int(group["crops"].sum()), int(group["crops_unlike"].sum())
    for name, values in (("shift", shifts), ("scale", scales)):
        row[f"median_{name}"] = float(np.median(values)) if len(values) else np.nan
    row["moved_over_1_percent"] = float((shifts > 0.01).mean()) if len(shifts) else np.nan
    return row


def hardware() -> str:
    """Return the processor's name."""
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    return f"{names[0] if names else platform.processor()}, 1 thread"
