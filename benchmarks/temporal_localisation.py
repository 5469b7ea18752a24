"""Temporal localisation: forged segments found, against the true ones, over many files (AP, AR).

As in the benchmarks of LAV-DF (Cai et al. 2022) and AV-Deepfake1M (Cai et al. 2024): segments are
intervals of time with a score, ranked over all files for AP and within each file for AR.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial

import numpy as np
import pandas as pd

from avfake.evaluation.bootstrap import group_interval
from avfake.evaluation.shares import share

AP_IOUS = (0.5, 0.75, 0.95)
AR_COUNTS = (100, 50, 20, 10, 5)
AR_IOUS = tuple(round(0.5 + 0.05 * step, 2) for step in range(10))
"""0.5 to 0.95: recall is averaged over these."""


@dataclass(frozen=True)
class FileSegments:
    """What was found in one file, and what is there."""

    found: tuple[tuple[float, float, float], ...]
    """start, end in seconds, score: the higher, the surer."""
    truth: tuple[tuple[float, float], ...]
    """start, end in seconds; empty for a genuine file, in which all that is found is wrong."""

    def __post_init__(self) -> None:
        for start, end, *score in (*self.found, *self.truth):
            if not (0 <= start < end and np.isfinite([end, *score]).all()):
                raise ValueError(f"a segment from {start} to {end} with score {score} cannot be")


def temporal_iou(
    first: Sequence[tuple[float, float]], second: Sequence[tuple[float, float]]
) -> np.ndarray:
    """float64 [M, N]: shared time over joint time of intervals (start, end) [M] and [N]."""
    one = np.array(first, np.float64).reshape(-1, 1, 2)
    other = np.array(second, np.float64).reshape(1, -1, 2)
    shared = np.minimum(one[..., 1], other[..., 1]) - np.maximum(one[..., 0], other[..., 0])
    shared = shared.clip(min=0)
    lengths = (one[..., 1] - one[..., 0]) + (other[..., 1] - other[..., 0])
    return shared / np.maximum(lengths - shared, 1e-12)


def average_precision(files: Sequence[FileSegments], iou: float) -> float:
    """Area under the interpolated curve of precision over recall, in [0, 1].

    Segments of all files are taken in order of their scores. Each is right if it overlaps a true
    segment of its file by at least `iou` that no surer one has claimed: the one it overlaps most.
    Precision at a recall is the best at this recall or a higher one. NaN if nothing is forged.
    """
    num_true = sum(len(file.truth) for file in files)
    if not num_true:
        return float("nan")
    overlaps = [_overlaps(file) for file in files]
    ranked = [
        (segment[2], file, place)
        for file, one in enumerate(files)
        for place, segment in enumerate(one.found)
    ]
    ranked.sort(key=lambda entry: -entry[0])
    claimed = [np.zeros(len(file.truth), bool) for file in files]
    right = np.zeros(len(ranked))
    for rank, (_, file, place) in enumerate(ranked):
        free = np.where(claimed[file], -1.0, overlaps[file][place])
        if free.size and free.max() >= iou:
            claimed[file][free.argmax()] = True
            right[rank] = 1
    hits = right.cumsum()
    precision = hits / np.arange(1, len(ranked) + 1)
    interpolated = np.maximum.accumulate(precision[::-1])[::-1]
    # Recall rises by 1 / num_true with each hit, and with nothing else.
    return float((interpolated * right).sum() / num_true)


def average_recall(
    files: Sequence[FileSegments], count: int, ious: Iterable[float] = AR_IOUS
) -> float:
    """Share of true segments that one of the `count` surest of their file overlaps by an IoU.

    Mean over `ious`; NaN if nothing is forged.
    """
    best = np.concatenate([_best(file, count) for file in files] or [np.zeros(0)])
    if not len(best):
        return float("nan")
    return float(np.mean([np.mean(best >= iou) for iou in ious]))


def mean_best_iou(files: Sequence[FileSegments]) -> float:
    """IoU of each true segment with what overlaps it most, 0 where nothing does; their mean.

    NaN if nothing is forged. It does not see what is found where nothing is: read it with AP.
    """
    best = np.concatenate([_best(file, None) for file in files] or [np.zeros(0)])
    return float(best.mean()) if len(best) else float("nan")


LOCALISATION: dict[str, Callable[[Sequence[FileSegments]], float]] = {
    **{f"ap@{iou:g}": partial(average_precision, iou=iou) for iou in AP_IOUS},
    **{f"ar@{count}": partial(average_recall, count=count) for count in AR_COUNTS},
    "mean_iou": mean_best_iou,
}
"""Name -> number in [0, 1]; the higher, the better."""


def localisation(files: Sequence[FileSegments]) -> dict[str, float]:
    """AP@0.5, 0.75, 0.95; AR@100, 50, 20, 10, 5; mean IoU; all in [0, 1]."""
    return {name: measure(files) for name, measure in LOCALISATION.items()}


def localisation_table(
    files: Sequence[FileSegments],
    groups: Sequence[str],
    *,
    metrics: Sequence[str] = tuple(LOCALISATION),
    num_resamples: int = 1000,
) -> pd.DataFrame:
    """One row for each of these metrics and "false_alarms": metric, value, low, high, count.

    Intervals are those of a bootstrap over groups; count is that of true segments. False alarms
    are the share of files with nothing to find in which something is found; count is that of
    such files.

    groups: [N], of each file
    """
    num_true = sum(len(file.truth) for file in files)
    rows: list[dict[str, object]] = []
    for name in metrics:
        statistic = partial(_of_drawn, LOCALISATION[name], files)
        found = group_interval(statistic, groups, num_resamples=num_resamples)
        rows.append({"metric": name, **asdict(found), "count": num_true})
    genuine = [i for i, file in enumerate(files) if not file.truth]
    hits = np.array([bool(files[i].found) for i in genuine], bool)
    of_genuine = [groups[i] for i in genuine]
    alarms = share(hits, of_genuine, num_resamples=num_resamples)
    rows.append({"metric": "false_alarms", **asdict(alarms), "count": len(genuine)})
    return pd.DataFrame(rows)


def _of_drawn(
    measure: Callable[[Sequence[FileSegments]], float],
    files: Sequence[FileSegments],
    drawn: np.ndarray,
) -> float:
    return measure([files[i] for i in drawn])


def _overlaps(file: FileSegments) -> np.ndarray:
    """[found, truth]."""
    return temporal_iou([(start, end) for start, end, _ in file.found], file.truth)


def _best(file: FileSegments, count: int | None) -> np.ndarray:
    """[truth]: the largest overlap of each with one of the `count` surest; None = with any."""
    order = np.argsort([-score for *_, score in file.found], kind="stable")[:count]
    best: np.ndarray = _overlaps(file)[order.astype(int)].max(axis=0, initial=0.0)
    return best
