"""The scores of the branches on a clip, and the same as one row of named statistics.

The order of `FEATURES` is frozen.
A column is NaN where its modality is missing; LightGBM handles NaN as missing.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from types import MappingProxyType

import numpy as np

from avfake.calibration.probabilities import confident, to_logits, weighted_by_confidence
from avfake.labels import MODALITIES, OUTPUTS, PARTS, Modality

_empty = partial(np.zeros, 0, np.float32)


@dataclass(frozen=True)
class ClipScores:
    """Branch scores of one clip, all probabilities of forgery in [0, 1]; empty where absent."""

    clip_id: str
    frame_scores: np.ndarray = field(default_factory=_empty)
    """float32 [K], one for each scored face crop, over all persons."""
    frame_persons: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int64))
    """int64 [K] person_id."""
    frame_seconds: np.ndarray = field(default_factory=_empty)
    face_px: np.ndarray = field(default_factory=_empty)
    """float32 [K], side of the face box in px of the original frame."""
    face_confidences: np.ndarray = field(default_factory=_empty)
    num_frames_sampled: int = 0
    window_scores: np.ndarray = field(default_factory=_empty)
    """float32 [W], one for each window of sound."""
    window_spans: np.ndarray = field(default_factory=lambda: np.zeros((0, 2), np.float32))
    """float32 [W, 2], start and end of each window in seconds of the file."""
    fused: Mapping[str, float | None] = field(default_factory=dict)
    """Output -> probability of the fusion head; None where not assessed."""
    voice_statistics: Mapping[str, float] = field(default_factory=dict)
    """Name -> value, measured on the sound by `clips`."""
    sync_statistics: Mapping[str, float] = field(default_factory=dict)
    """Name -> value, measures of how lips and sound fit; empty where they were not compared."""

    def __post_init__(self) -> None:
        wanted = self.frame_scores.shape
        for name in ("frame_persons", "frame_seconds", "face_px", "face_confidences"):
            got = getattr(self, name).shape
            if len(wanted) != 1 or got != wanted:
                raise ValueError(
                    f"{self.clip_id}: {name} must be [K] like frame_scores {wanted}, got {got}"
                )
        if self.window_spans.shape != (len(self.window_scores), 2):
            raise ValueError(
                f"{self.clip_id}: window_spans must be [{len(self.window_scores)}, 2] like "
                f"window_scores, got {self.window_spans.shape}"
            )
        fused = [value for value in self.fused.values() if value is not None]
        for name, values in [
            ("frame_scores", self.frame_scores),
            ("window_scores", self.window_scores),
            ("fused", np.array(fused)),
        ]:
            # NaN fails the comparison too: an unknown score is left out, never passed on.
            if not np.all((values >= 0) & (values <= 1)):
                raise ValueError(f"{self.clip_id}: {name} must lie in [0, 1], got {values}")

    @property
    def has_visual(self) -> bool:
        return len(self.frame_scores) > 0

    @property
    def has_audio(self) -> bool:
        return len(self.window_scores) > 0

    @property
    def modality(self) -> Modality:
        """Return what was assessed; "whole" where nothing was."""
        if self.has_visual == self.has_audio:
            return "whole"
        return "picture" if self.has_visual else "sound"

    def row(self) -> np.ndarray:
        """Return the row of the clip, float32 [F] in the order of `FEATURES`."""
        values = {
            f"{output}_fused": float(to_logits(score))
            for output in OUTPUTS
            if (score := self.fused.get(output)) is not None
        }
        if self.has_visual:
            values |= _face_values(self)
        if self.has_audio:
            one_voice = np.zeros(len(self.window_scores))
            values |= _sequence("voice", self.window_scores, self.window_spans[:, 0], one_voice)
            values |= {f"sound_{name}": value for name, value in self.voice_statistics.items()}
        if self.has_visual and self.has_audio:
            values["disagreement"] = abs(values["face_mean"] - values["voice_mean"])
        values |= self.sync_statistics
        return np.array([values.get(name, np.nan) for name in FEATURES], np.float32)


def _longest_run(scores: np.ndarray, seconds: np.ndarray, persons: np.ndarray) -> float:
    """Return the longest of any person, as a share: the same for 8 and for 32 sampled frames."""
    shares = []
    for person in np.unique(persons):
        here = persons == person
        longest = run = 0
        for is_high in scores[here][np.argsort(seconds[here], kind="stable")] > 0.5:
            run = run + 1 if is_high else 0
            longest = max(longest, run)
        shares.append(longest / np.sum(here))
    return max(shares)


def _slope(scores: np.ndarray, seconds: np.ndarray, _: np.ndarray) -> float:
    time = seconds.astype(np.float64) - seconds.mean(dtype=np.float64)
    spread = float(time @ time)
    return float(time @ scores) / spread if spread > 0 else float("nan")


VOICE_STATISTICS = (
    *("centroid_mean", "centroid_std", "bandwidth_mean", "rolloff_mean", "rolloff_std"),
    *("flatness_mean", "flatness_std", "zero_crossing_mean", "zero_crossing_std"),
    *("rms_mean", "rms_std", "high_band_share", "silence_share"),
)
"""Names of the statistics that `clips` measures on sound; `high_band_share` is above 4 kHz."""

SYNC_STATISTICS = {
    "sync_confidence": "how far the best shift of lips against sound stands out",
    "sync_offset": "the shift that fits best in seconds, positive where the sound is late",
    "sync_similarity": "how well lips and sound fit as they are",
    "sync_entropy": "doubt about the shift in nats",
}
"""Column -> meaning, for the statistics of a sync branch."""


def _of_scores(statistic: Callable[..., float]) -> Callable[..., float]:
    """Let a statistic of scores alone take their seconds and persons, too."""
    return lambda scores, *_: float(statistic(scores))


_SEQUENCE: Mapping[str, tuple[str, int, Callable[..., float]]] = {
    "mean": ("mean score", 1, _of_scores(np.mean)),
    "std": ("spread of the scores", 0, _of_scores(np.std)),
    "q10": ("score that 10 % lie below", 1, _of_scores(partial(np.quantile, q=0.1))),
    "q25": ("score that 25 % lie below", 1, _of_scores(partial(np.quantile, q=0.25))),
    "q50": ("median score", 1, _of_scores(partial(np.quantile, q=0.5))),
    "q75": ("score that 75 % lie below", 1, _of_scores(partial(np.quantile, q=0.75))),
    "q90": ("score that 90 % lie below", 1, _of_scores(partial(np.quantile, q=0.9))),
    "max": ("highest score", 1, _of_scores(np.max)),
    "share_high": ("share of scores above 0.8", 1, _of_scores(lambda p: np.mean(p > 0.8))),
    "share_low": ("share of scores below 0.2", -1, _of_scores(lambda p: np.mean(p < 0.2))),
    "longest_run": ("longest unbroken run above 0.5, as a share", 1, _longest_run),
    "slope": ("change of the score per second", 0, _slope),
    "confident": ("the DFDC winner's rule: mean of the confident scores", 1, _of_scores(confident)),
    "weighted": ("mean weighted by distance from 0.5", 1, _of_scores(weighted_by_confidence)),
}
"""Statistic of a sequence -> its meaning; the sign of `MONOTONE`, 0 for neither; its function of
scores, seconds and persons, each [K]."""
_FACE = {f"face_{name}": f"{one[0]}, over face frames" for name, one in _SEQUENCE.items()} | {
    "face_person_max": "mean score of the most suspicious person",
    "face_person_min": "mean score of the least suspicious person",
    "face_fused": "fusion head's logit for the face",
}
_QUALITY = {
    "face_px": "median side of the face box in px",
    "face_confidence": "mean confidence of the face detector",
    "face_coverage": "share of the sampled frames that gave a face",
    "num_people": "number of persons",
}
_VOICE = {f"voice_{name}": f"{one[0]}, over sound windows" for name, one in _SEQUENCE.items()} | {
    "voice_fused": "fusion head's logit for the voice",
    **{f"sound_{name}": f"{name.replace('_', ' ')} of the sound" for name in VOICE_STATISTICS},
}
_BOTH = {
    "overall_fused": "fusion head's logit for the whole file",
    "disagreement": "absolute difference of face mean and voice mean",
}

FEATURES = MappingProxyType(_FACE | _QUALITY | _VOICE | _BOTH | SYNC_STATISTICS)
"""Column -> meaning, in the order of the row."""

OUTPUT_FEATURES = MappingProxyType(
    {"overall": tuple(FEATURES), "face": tuple(_FACE | _QUALITY), "voice": tuple(_VOICE)}
)
"""Output -> columns of its stacker; the answer on the face never depends on the sound."""

RULE_COLUMNS = MappingProxyType(
    {"mean": "mean", "median": "q50"} | {name: name for name in ("max", "confident", "weighted")}
)
"""Rule over frames or windows -> the column, after face_ or voice_, with its result."""

MONOTONE = MappingProxyType(
    {f"{part}_{name}": one[1] for part in PARTS for name, one in _SEQUENCE.items() if one[1]}
    | dict.fromkeys(("face_person_max", "face_person_min"), 1)
    | {f"{output}_fused": 1 for output in OUTPUTS}
)
"""Column -> 1 where a higher value must not make a forgery less probable, -1 where a lower one."""


def columns_of(rows: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Return float32 [N, len(names)] of rows [N, F]."""
    order = list(FEATURES)
    return rows[:, [order.index(name) for name in names]]


def modalities_of(rows: np.ndarray) -> np.ndarray:
    """Return str [N] of `MODALITIES` for rows [N, F]; "" where nothing was assessed."""
    has_face, has_voice = ~np.isnan(columns_of(rows, ("face_mean", "voice_mean"))).T
    choices: tuple[str, ...] = MODALITIES
    return np.select(
        [has_face & has_voice, has_face, has_voice], [np.array(one) for one in choices], ""
    )


def _face_values(scores: ClipScores) -> dict[str, float]:
    persons = np.unique(scores.frame_persons)
    person_means = [scores.frame_scores[scores.frame_persons == p].mean() for p in persons]
    # Several persons share a frame, so frames are counted by their time.
    num_frames = len(np.unique(scores.frame_seconds))
    sampled = scores.num_frames_sampled
    frames = scores.frame_scores, scores.frame_seconds, scores.frame_persons
    return _sequence("face", *frames) | {
        "face_person_max": float(np.max(person_means)),
        "face_person_min": float(np.min(person_means)),
        "face_px": float(np.median(scores.face_px)),
        "face_confidence": float(np.mean(scores.face_confidences)),
        "face_coverage": num_frames / sampled if sampled else float("nan"),
        "num_people": float(len(persons)),
    }


def _sequence(
    part: str, scores: np.ndarray, seconds: np.ndarray, persons: np.ndarray
) -> dict[str, float]:
    """Return the columns of a part that `_SEQUENCE` names; all three [K]."""
    exact = scores.astype(np.float64)
    return {
        f"{part}_{name}": measure(exact, seconds, persons)
        for name, (_, _, measure) in _SEQUENCE.items()
    }
