"""Shortcut probes: whether a small model tells fake from genuine by facts about the files alone.

One LightGBM for each group of facts, and one for all of them, each scoring clips of groups that it
has not seen. A dataset on which they succeed teaches a detector the same shortcut.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from avfake.evaluation import METRICS, Interval, bootstrap

PROBES = {
    "container": ("ending", "container"),
    "codec": ("video_codec", "audio_codec"),
    "file size": ("size_bytes",),
    "duration": ("duration_seconds", "sound_seconds", "num_frames"),
    "stream starts": ("video_start_seconds", "audio_start_seconds"),
    "fps": ("fps",),
    "resolution": ("width", "height", "rotation_degrees", "pixel_aspect"),
    "bitrate": ("file_kbps", "video_kbps", "audio_kbps"),
    "packets": ("num_packets", "num_key_frames", "longest_packet_bytes"),
    "sample rate": ("sample_rate", "num_channels"),
    "loudness": ("rms_db", "peak_db"),
    "leading silence": ("leading_silence_seconds", "leading_nothing_seconds"),
    "trailing silence": ("trailing_silence_seconds", "trailing_nothing_seconds"),
    "crop size": ("crop_px", "crop_share"),
}
"""Probe -> the facts that it may use; the first is the one it is named after."""
ALL_FACTS = tuple(fact for facts in PROBES.values() for fact in facts)
ALL = "all together"
NAMED = (*PROBES["container"], *PROBES["codec"])
"""Facts that are names, not numbers."""
NUM_FOLDS = 5
NUM_ROUNDS = 80
SEED = 0
UNKNOWN = Interval(float("nan"), float("nan"), float("nan"))
Folds = list[tuple[np.ndarray, np.ndarray]]
"""Indices of (the clips to train on, the clips held out)."""


@dataclass(frozen=True)
class Probe:
    """How well one group of facts tells fake from genuine."""

    name: str
    auc: Interval
    """AUC of the clips scored by models that had not seen their group; NaN where there is none."""
    num_clips: int
    limit: float
    """The probe fails when even the lower end of its interval is above."""
    note: str = ""
    """Why there is no value, or the facts of fake and of genuine clips."""

    @property
    def is_shortcut(self) -> bool:
        """Whether all the interval is above: an AUC of 0.2 tells as much as one of 0.8."""
        return max(0.5, self.auc.low, 1 - self.auc.high) > self.limit

    def __str__(self) -> str:
        note = f"; {self.note}" if self.note else ""
        return f"{self.name} tells fake from genuine: AUC {self.auc}, above {self.limit:g}{note}"


def run_probes(
    facts: Sequence[Mapping[str, Any]],
    labels: np.ndarray,
    groups: Sequence[str],
    *,
    limit: float = 0.6,
    num_resamples: int = 1000,
) -> list[Probe]:
    """Return one probe for each group of facts that varies, and one for all facts.

    facts: [N], see `facts`; labels: [N] of 1 and 0; groups: [N], clips that are never separated.
    """
    table = pd.DataFrame(facts, columns=ALL_FACTS)
    codes = {name: table[name].astype("category").cat.codes for name in NAMED}
    numbers = table.assign(**{n: column.where(column >= 0) for n, column in codes.items()})
    numbers = numbers.astype(float)
    folds = folds_of(labels, groups)
    probes = []
    for name, members in {**PROBES, ALL: ALL_FACTS}.items():
        used = [member for member in members if numbers[member].nunique(dropna=False) > 1]
        interval, note = UNKNOWN, ""
        if folds is None:
            note = "too few groups of each class"
        elif not used:
            is_known = numbers[[*members]].notna().to_numpy().any()
            note = "the same for all" if is_known else "not known"
        else:
            named = [index for index, member in enumerate(used) if member in NAMED]
            scores = held_out_scores(numbers[used].to_numpy(), labels, folds, named=named)
            interval = bootstrap(
                METRICS["auc"], scores, labels, groups, num_resamples=num_resamples, seed=SEED
            )
            note = "" if name == ALL else _both_sides(table[used[0]], labels)
        probes.append(Probe(name, interval, len(labels), limit, note))
    return probes


def folds_of(labels: np.ndarray, groups: Sequence[str]) -> Folds | None:
    """Return folds of whole groups with both classes to train on; None if there are too few."""
    from sklearn.model_selection import StratifiedGroupKFold

    index = np.unique(np.asarray(groups, str), return_inverse=True)[1]
    num_folds = min(NUM_FOLDS, *(len(set(index[labels == label])) for label in (0, 1)))
    if num_folds < 2:
        return None
    splitter = StratifiedGroupKFold(num_folds, shuffle=True, random_state=SEED)
    folds = list(splitter.split(labels[:, None], labels, index))
    return folds if all(len(set(labels[rest])) == 2 for rest, _ in folds) else None


def held_out_scores(
    table: np.ndarray, labels: np.ndarray, folds: Folds, *, named: Sequence[int] = ()
) -> np.ndarray:
    """Return float64 [N]: the score of each clip by a LightGBM that never saw its group.

    table: float64 [N, F], NaN = not known; named: the columns that hold names, as numbers.
    """
    import lightgbm

    model = lightgbm.LGBMClassifier(
        n_estimators=NUM_ROUNDS,
        num_leaves=7,
        min_child_samples=min(10, max(2, len(labels) // 12)),
        min_data_per_group=1,
        # Else each fold's model starts from the share of fakes it saw, which is the lower the more
        # of them are held out, and no facts at all score below 0.5.
        class_weight="balanced",
        random_state=SEED,
        verbosity=-1,
        deterministic=True,
        force_row_wise=True,
        n_jobs=1,
    )
    scores = np.zeros(len(labels))
    for rest, held_out in folds:
        model.fit(table[rest], labels[rest], categorical_feature=[*named])
        predicted = np.asarray(model.predict(table[held_out], raw_score=True))
        scores[held_out] = predicted.round(6)  # so that equal scores of two folds are ties
    return scores


def _both_sides(fact: pd.Series, labels: np.ndarray) -> str:
    """Describe a fact [N] among fakes and among genuine clips, in words."""
    sides = []
    for label, word in ((1, "fake"), (0, "genuine")):
        values = fact[labels == label]
        if values.isna().all():
            sides.append(f"{word} -")
        elif fact.name in NAMED:
            most = values.mode()[0]
            sides.append(f"{word} {most} ({(values == most).sum()} of {len(values)})")
        else:
            sides.append(f"{word} {values.astype(float).median():.4g}")
    return f"{fact.name}: " + ", ".join(sides)
