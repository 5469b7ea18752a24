"""Calibrators: a curve from logits to probabilities, the choice of its kind, and its corrections.

Gross errors that no curve can explain keep probabilities from 0 and 1 (`epsilon`), and the average
of several models is surer than each of them (`slope`).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from avfake.calibration.curves import CURVES, FITS, Curve, Fit
from avfake.calibration.probabilities import CLIP, row_losses, to_logits, to_probabilities
from avfake.errors import BundleError

ISOTONIC_ROWS = 1000
"""Isotonic regression overfits below about this many (Niculescu-Mizil & Caruana 2005)."""
MAX_EPSILON = 0.1
"""Largest clip: errors that are more frequent than this are not rare, and must stay visible."""
SLOPE_SPREAD = 0.5
"""Standard deviation of the logarithm of `Calibrator.slope` that is expected before any clip is
seen. It keeps the slope near 1 where few clips are there to fit it: with 20, 50, 100 and 160 clips,
log-loss on others was lower than without a slope and than with the slope of least loss alone."""


@dataclass(frozen=True)
class Calibrator:
    """Logits -> probabilities that stay `epsilon` away from 0 and 1.

    A curve with few parameters has no term for rare gross errors, so one clip that is certain and
    wrong may cost more than all others together. Competitors clip by hand; here p becomes
    eps + (1 - 2 eps) p, which keeps the order of clips, with eps fitted on clips not seen.
    """

    curve: Curve
    epsilon: float = 0.0
    shift: float = 0.0
    """Added to the logit of the result, for another share of fakes than that of the rows."""
    centre: float = 0.0
    """Logit of the share of fakes in the rows, the answer to a clip that shows nothing."""
    slope: float = 1.0
    """By which logits are further from `centre` for the average of several models, see
    `of_average`; 1 = the curve was fitted to scores of what answers."""

    def __call__(self, logits: np.ndarray) -> np.ndarray:
        """Return float64 [N]; NaN stays NaN."""
        return self.of_average(shifted(squeeze(self.curve(logits), self.epsilon), self.shift))

    def of_average(self, probabilities: np.ndarray) -> np.ndarray:
        """Return float64 [N] for the average of models, given what its curve makes of the scores.

        The curve is fitted to scores of single models. Their errors differ in part, so the average
        errs less, and with the curve alone it is too cautious (Rahaman & Thiery 2021).
        """
        if self.slope == 1.0:
            return probabilities
        further = self.slope * (to_logits(probabilities) - self.shift - self.centre) + self.centre
        return shifted(squeeze(to_probabilities(further), self.epsilon), self.shift)

    def __str__(self) -> str:
        parts = [self.curve.kind]
        if self.epsilon:
            parts.append(f"kept {self.epsilon:.4f} from 0 and 1")
        if self.slope != 1.0:
            parts.append(f"slope {self.slope:.2f} for the average of models")
        return ", ".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Return the calibrator for JSON; `from_dict` reads it."""
        curve = {"kind": self.curve.kind, **asdict(self.curve)}
        return {"curve": curve} | {name: getattr(self, name) for name in ("epsilon", *_OPTIONAL)}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> "Calibrator":
        """Read the calibrator that `to_dict` wrote; BundleError for anything else."""
        try:
            curve = dict(fields["curve"])
            kind = curve.pop("kind")
            values = {n: tuple(v) if isinstance(v, list) else v for n, v in curve.items()}
            numbers = {name: float(fields.get(name, other)) for name, other in _OPTIONAL.items()}
            return cls(CURVES[kind](**values), float(fields["epsilon"]), **numbers)
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(f"{fields} is no calibrator: {error!r}") from error


_OPTIONAL = {"shift": 0.0, "centre": 0.0, "slope": 1.0}
"""Numbers of a calibrator -> their value in a bundle that was saved without them."""


def fit_calibrator(
    logits: np.ndarray, labels: np.ndarray, groups: Sequence[str], folds: np.ndarray | None
) -> tuple[Calibrator, np.ndarray]:
    """Return the calibrator of the kind chosen out of fold, and its probabilities out of fold.

    The clip is fitted on the latter; without folds there are none, and no clip.

    Args:
        labels: [N] 1, 0 or NaN; rows without a label are calibrated, not fitted on
        folds: int [N], or None where there are too few groups to hold any out
    """
    known = ~np.isnan(labels)
    kind = choose_fit(logits, labels, groups, folds)
    curve = FITS[kind](logits[known], labels[known])
    probabilities = cross_fit(FITS[kind], logits, labels, folds)
    centre = float(to_logits(np.mean(labels[known])))
    if folds is None:
        return Calibrator(curve, centre=centre), probabilities
    epsilon = fit_epsilon(probabilities[known], labels[known])
    return Calibrator(curve, epsilon, centre=centre), squeeze(probabilities, epsilon)


def choose_fit(
    logits: np.ndarray, labels: np.ndarray, groups: Sequence[str], folds: np.ndarray | None
) -> str:
    """Return the simplest of `FITS` whose log-loss is within one standard error of the best.

    All [N]; rows without a label (NaN) do not count. The error is that of the paired difference
    over whole groups. folds None: too few groups to compare on, so Platt's.
    """
    if folds is None:
        return "platt"
    known = ~np.isnan(labels)
    losses = {
        name: row_losses(cross_fit(fit, logits, labels, folds)[known], labels[known])
        for name, fit in FITS.items()
        if name != "isotonic" or known.sum() >= ISOTONIC_ROWS
    }
    best = min(losses, key=lambda name: float(losses[name].mean()))
    _, index = np.unique(np.asarray(groups, str)[known], return_inverse=True)
    for name, values in losses.items():
        excess = values - losses[best]
        # Standard error of a mean over groups of unequal size (Cochran 1977).
        scatter = np.bincount(index, excess - excess.mean())
        if excess.mean() <= np.sqrt(np.sum(scatter**2)) / len(excess):
            return name
    return best


def cross_fit(
    fit: Fit, logits: np.ndarray, labels: np.ndarray, folds: np.ndarray | None
) -> np.ndarray:
    """Return float64 [N], each row calibrated by a curve that did not see its fold.

    labels: NaN where unknown; such rows are calibrated, not fitted on. folds None: too few groups
    to hold any out, so all rows share one curve.
    """
    usable = ~np.isnan(labels) & ~np.isnan(logits)
    if folds is None:
        return fit(logits[usable], labels[usable])(logits)
    probabilities = np.full(len(logits), np.nan)
    for number in np.unique(folds):
        rest, held_out = usable & (folds != number), folds == number
        probabilities[held_out] = fit(logits[rest], labels[rest])(logits[held_out])
    return probabilities


def squeeze(probabilities: np.ndarray, epsilon: float) -> np.ndarray:
    """Return probabilities moved into [eps, 1 - eps], float64; NaN stays NaN."""
    return epsilon + (1 - 2 * epsilon) * np.asarray(probabilities, np.float64)


def shifted(probabilities: np.ndarray | float, by: float) -> np.ndarray:
    """Return float64 probabilities whose logits are those given plus `by`; 0, 1 and NaN stay."""
    # In odds, since a logit of 0 or 1 is infinite, and a difference of none changes no bit.
    p, odds = np.asarray(probabilities, np.float64), float(np.exp(np.clip(by, -700, 700)))
    return p * odds / (p * odds + (1 - p))


def fit_epsilon(probabilities: np.ndarray, labels: np.ndarray) -> float:
    """Return the epsilon in [0, MAX_EPSILON] of least log-loss, for out-of-fold probabilities [N].

    labels: [N] 1 or 0. The loss is convex in epsilon, so where it rises from 0 on the answer is 0.
    """
    from scipy.optimize import brentq

    truth = np.where(labels == 1, probabilities, 1 - probabilities)
    truth = np.maximum(truth, CLIP)  # as log-losses are measured

    def slope(epsilon: float) -> float:
        return -float(np.mean((1 - 2 * truth) / squeeze(truth, epsilon)))

    if slope(0.0) >= 0:
        return 0.0
    if slope(MAX_EPSILON) <= 0:
        return MAX_EPSILON
    return float(brentq(slope, 0.0, MAX_EPSILON, xtol=1e-12))


def fit_slope(losses: Callable[[float], np.ndarray], num_models: int) -> float:
    """Return `Calibrator.slope` of least log-loss: from 1, where all models err alike, to their
    number, where each errs apart.

    losses: slope -> log-losses [N] of clips that no model learned from
    """
    from scipy.optimize import minimize_scalar

    def cost(log_slope: float) -> float:
        return float(np.sum(losses(float(np.exp(log_slope))))) + (log_slope / SLOPE_SPREAD) ** 2 / 2

    if num_models < 2:
        return 1.0
    found = minimize_scalar(cost, bounds=(0.0, float(np.log(num_models))), method="bounded")
    return float(np.exp(found.x)) if found.fun < cost(0.0) else 1.0
