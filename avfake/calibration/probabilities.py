"""Probabilities and logits: from one to the other, their losses, and the change of the prior."""

from dataclasses import dataclass

import numpy as np

from avfake.errors import ConfigError

CLIP = 1e-6
"""Distance from 0 and 1 within which probabilities are clipped, so that logits stay finite."""


def to_logits(probabilities: np.ndarray | float) -> np.ndarray:
    """Return float64 of the same shape; NaN stays NaN."""
    clipped = np.clip(np.asarray(probabilities, np.float64), CLIP, 1 - CLIP)
    return np.log(clipped) - np.log1p(-clipped)


def to_probabilities(logits: np.ndarray) -> np.ndarray:
    """Return float64 of the same shape; NaN stays NaN."""
    # tanh does not overflow, unlike exp(-x).
    return 0.5 * (1 + np.tanh(0.5 * np.asarray(logits, np.float64)))


def row_losses(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return float64 [N], the log-loss of each row."""
    clipped = np.clip(probabilities, CLIP, 1 - CLIP)
    return -np.where(labels == 1, np.log(clipped), np.log1p(-clipped))


@dataclass(frozen=True)
class TrainedPrior:
    """Share of fakes among the rows that the calibrators of an output were fitted on.

    Where files of each class look as they did in training, another share of fakes moves the logit
    of an answer by one constant (Bayes' rule; Elkan 2001; Saerens et al. 2002). The order of files
    stays, and with it whatever was fitted within a class: false alarm rates, the conformal set.
    """

    fakes: float
    """Share of rows in which this output is fake; above 0 and below 1."""
    of_fakes: float | None
    """Share of the fake files in which this output is fake: 1 for "overall"; None where no row
    has both labels, so that nothing follows for a part from the prior of a file."""

    @classmethod
    def measure(cls, labels: np.ndarray, overall: np.ndarray | None) -> "TrainedPrior":
        """Measure it on labels of the output and of the whole file, both [N] 1, 0 or NaN."""
        is_fake = np.zeros(len(labels), bool) if overall is None else overall == 1
        of_fakes = labels[is_fake & ~np.isnan(labels)]
        share = float(np.mean(of_fakes)) if len(of_fakes) else 0.0
        return cls(float(np.mean(labels[~np.isnan(labels)])), share or None)

    def shift(self, prior: float) -> float:
        """Return the change of a logit where the share `prior` of files is fake."""
        if self.of_fakes is None:
            raise ValueError("the share of fakes in which this output is fake is unknown")
        return _logit(prior * self.of_fakes) - _logit(self.fakes)


def check_prior(prior: float) -> None:
    """Raise ConfigError unless a prior lies between 0 and 1."""
    if not 0 < prior < 1:  # NaN does not
        raise ConfigError(
            f"prior is {prior}; it is the share of files taken to be forged before one is "
            "examined, above 0 and below 1, such as 0.01 for one in a hundred"
        )


def shift_probability(p: float, by: float) -> float:
    """Return the probability whose logit is that of `p` plus `by`; 0 and 1 stay."""
    # In odds, since a logit of 0 or 1 is infinite, and a difference of none changes no bit of p.
    odds = float(np.exp(np.clip(by, -700, 700)))
    return p * odds / (p * odds + (1 - p))


def _logit(p: float) -> float:
    return float(np.log(p) - np.log1p(-p))
