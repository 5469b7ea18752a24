"""Rules over frames and windows, and calibrators, as torch modules: the same as `calibration`.

Float64 inside, as there. NaN = not assessed.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from avfake.calibration import DecisionModel
from avfake.errors import ConfigError
from avfake.labels import OUTPUTS, Modality

CLIP = 1e-6


def logits_of(probabilities: Tensor) -> Tensor:
    """Return finite logits."""
    clipped = probabilities.clamp(CLIP, 1 - CLIP)
    return clipped.log() - (1 - clipped).log()


def _count(chosen: Tensor) -> Tensor:
    return chosen.double().sum()


def _mean_of(scores: Tensor, chosen: Tensor) -> Tensor:
    return (scores * chosen).sum() / _count(chosen).clamp(min=1)


def _confident(scores: Tensor) -> Tensor:
    high, low, every = scores > 0.8, scores < 0.2, torch.ones_like(scores)
    many_high = (_count(high) > (_count(every) / 2.5).floor()) & (_count(high) > 11)
    many_low = _count(low) > 0.9 * _count(every)
    otherwise = torch.where(many_low, _mean_of(scores, low), _mean_of(scores, every))
    return torch.where(many_high, _mean_of(scores, high), otherwise)


def _weighted(scores: Tensor) -> Tensor:
    weights = (scores - 0.5).abs() + 1e-4
    return (scores * weights).sum() / weights.sum()


def _median(scores: Tensor) -> Tensor:
    ordered = scores.sort().values
    last = torch.ones_like(scores).sum() - 1
    middles = torch.stack([(last / 2).floor(), (last / 2).ceil()]).long()
    return ordered[middles].mean()


RULES: dict[str, Callable[[Tensor], Tensor]] = {
    "mean": torch.mean,
    "max": torch.amax,
    "median": _median,
    "confident": _confident,
    "weighted": _weighted,
}
"""Name -> scores [K] to one score; `calibration` documents them."""


class Answers(nn.Module):
    """The decision model of a bundle over the scores of one clip."""

    def __init__(self, model: DecisionModel, *, use_stacker: bool) -> None:
        """ConfigError where an answer needs a stacker."""
        super().__init__()
        self.outputs = model.outputs
        self.kept: dict[str, str] = {}
        for output, one in model.outputs.items():
            name = one.choice.kept if use_stacker else "fused"
            if name == "stacker":
                raise ConfigError(
                    f"the answer on {output} is by a stacker, which reads facts of the file (sizes "
                    "of faces, moments of frames) that an exported network is not given; "
                    "--no-stacker exports the calibrated fusion head"
                )
            if name not in one.calibrators:
                raise ConfigError(f"this detector has no calibrated fusion head for {output}")
            self.kept[output] = name

    def forward(
        self, fused: Tensor, frames: Tensor, windows: Tensor, has_faces: Tensor, has_sound: Tensor
    ) -> Tensor:
        """Return p_fake, p_face_fake, p_voice_fake [3], float64; NaN where not assessed.

        Args:
            fused: [3] probabilities of the fusion head
            frames: [T] scores, used where has_faces [1]
            windows: [W] scores, used where has_sound [1]
        """
        has = {"face": has_faces[0], "voice": has_sound[0]}
        scores = {"face": frames.double(), "voice": windows.double()}
        nothing = torch.full((), torch.nan, dtype=torch.float64)
        found = dict.fromkeys(OUTPUTS, nothing)
        for index, output in enumerate(OUTPUTS):
            if (one := self.outputs.get(output)) is None:
                continue
            parts = ("face", "voice") if output == "overall" else (output,)
            seen = {part: has[part] for part in parts}
            score = fused[index].double()
            if (name := self.kept[output]) != "fused":
                score = _highest({part: RULES[name](scores[part]) for part in parts}, seen)
            calibrators = one.calibrators[name]
            answer = _calibrated(logits_of(score), calibrators, has_faces[0], has_sound[0])
            is_there = torch.stack(list(seen.values())).any()
            found[output] = torch.where(is_there, answer, nothing)
        for part in ("face", "voice"):  # no part is above the whole
            is_above = found[part] > found["overall"]  # False for NaN
            found["overall"] = torch.where(is_above, found[part], found["overall"])
        return torch.stack([found[output] for output in OUTPUTS])


def _highest(scores: Mapping[str, Tensor], there: Mapping[str, Tensor]) -> Tensor:
    lowest = torch.zeros((), dtype=torch.float64)
    return torch.stack(
        [torch.where(there[part], score, lowest) for part, score in scores.items()]
    ).amax()


def _calibrated(
    logit: Tensor, calibrators: Mapping[Modality, Any], has_faces: Tensor, has_sound: Tensor
) -> Tensor:
    """Return the probability by the calibrator of what is there."""
    whole = calibrate(logit, calibrators["whole"])
    apart: tuple[tuple[Modality, Tensor], ...]
    apart = (("picture", has_faces & ~has_sound), ("sound", has_sound & ~has_faces))
    for modality, is_it in apart:
        if modality in calibrators:
            whole = torch.where(is_it, calibrate(logit, calibrators[modality]), whole)
    return whole


def calibrate(logit: Tensor, calibrator: Any) -> Tensor:
    """Return the probability of a logit, float64 [...], by a `Calibrator` of `calibration`."""
    curve = calibrator.curve
    if curve.kind in ("platt", "temperature"):
        p = torch.sigmoid(curve.slope * logit + curve.offset)
    elif curve.kind == "beta":
        above, below = nn.functional.softplus(logit), -nn.functional.softplus(-logit)
        p = torch.sigmoid(curve.high * above + curve.low * below + curve.offset)
    else:
        p = _interpolated(logit, curve.logits, curve.probabilities)
    p = calibrator.epsilon + (1 - 2 * calibrator.epsilon) * p
    if calibrator.slope != 1.0:
        further = calibrator.slope * (logits_of(p) - calibrator.centre) + calibrator.centre
        p = calibrator.epsilon + (1 - 2 * calibrator.epsilon) * torch.sigmoid(further)
    return torch.sigmoid(logits_of(p) + calibrator.shift) if calibrator.shift else p


def _interpolated(logit: Tensor, logits: Sequence[float], values: Sequence[float]) -> Tensor:
    """Add up the rises of the pieces that the logit has passed."""
    x, y = (torch.tensor(one, dtype=torch.float64) for one in (logits, values))
    passed = ((logit.unsqueeze(-1) - x[:-1]) / x.diff().clamp(min=1e-12)).clamp(0, 1)
    return y[0] + (passed * y.diff()).sum(dim=-1)
