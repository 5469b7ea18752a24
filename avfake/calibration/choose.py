"""Whether the stacker earns its place: it must beat the best simple baseline, significantly.

Learned fusion has lost to a plain mean before (DFDC's fifth place measured it), so a gain that
may be luck is not taken.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from avfake.calibration.logits import row_losses


@dataclass(frozen=True)
class Choice:
    """What was kept, against what, and why."""

    kept: str
    """Name of the candidate, e.g. "stacker", "fused", "mean"."""
    reason: str
    log_losses: Mapping[str, float]
    """Candidate -> out-of-fold log-loss."""


def choose(
    baselines: Mapping[str, np.ndarray],
    stacker: np.ndarray | None,
    *,
    labels: np.ndarray,
    groups: Sequence[str],
    confidence: float = 0.99,
    seed: int = 0,
) -> Choice:
    """The best baseline, or the stacker where its gain over that baseline is beyond luck.

    baselines: name -> out-of-fold probabilities [N]; the first wins a tie. labels: [N] 1 or 0.
    """
    losses = {name: row_losses(p, labels) for name, p in baselines.items()}
    best = min(losses, key=lambda name: float(losses[name].mean()))
    if stacker is None:
        return Choice(
            best, "no stacker was trained: switched off, or too few groups", _means(losses)
        )
    losses["stacker"] = row_losses(stacker, labels)
    gains = losses[best] - losses["stacker"]
    low = gain_bound(gains, groups, confidence=confidence, seed=seed)
    is_better = low > 0
    reason = (
        f"the stacker's out-of-fold log-loss is {losses['stacker'].mean():.4f}, that of the best "
        f"baseline ({best}) {losses[best].mean():.4f}; the gain is {gains.mean():.4f}, "
        f"{'at least' if is_better else 'but possibly only'} {low:.4f} at {100 * confidence:g} %"
    )
    return Choice("stacker" if is_better else best, reason, _means(losses))


def gain_bound(gains: np.ndarray, groups: Sequence[str], *, confidence: float, seed: int) -> float:
    """Lower one-sided bound of the mean gain, by resampling whole groups."""
    _, index = np.unique(np.asarray(groups, str), return_inverse=True)
    sums, sizes = np.bincount(index, gains), np.bincount(index)
    rng = np.random.default_rng(seed)
    means = []
    for _ in range(2000):
        draw = rng.integers(len(sums), size=len(sums))
        means.append(sums[draw].sum() / sizes[draw].sum())
    return float(np.quantile(means, 1 - confidence))


def _means(losses: Mapping[str, np.ndarray]) -> dict[str, float]:
    return {name: float(values.mean()) for name, values in losses.items()}
