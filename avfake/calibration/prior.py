"""Answers for a world in which fakes are rarer, or more frequent, than in the training data.

Bayes' rule where genuine files still look as genuine ones did in training, and fakes as fakes did:
the logit of every answer moves by one constant (Elkan 2001; Saerens et al. 2002). The order of
files stays, and with it whatever was fitted on each class by itself: false alarm rates, the
conformal set.
"""

from dataclasses import dataclass

import numpy as np

from avfake.errors import ConfigError


@dataclass(frozen=True)
class TrainedPrior:
    """How frequent fakes were among the rows that an output's calibrators were fitted on."""

    fakes: float
    """Share of rows in which this output is fake; above 0 and below 1."""
    of_fakes: float | None
    """Share of the fake files in which this output is fake: 1 for "overall"; None where no row
    says both, so that the prior of a file says nothing of its part."""

    @classmethod
    def measure(cls, labels: np.ndarray, overall: np.ndarray | None) -> "TrainedPrior":
        """labels, overall: [N] 1, 0 or NaN, of the output and of the whole file."""
        is_fake = np.zeros(len(labels), bool) if overall is None else overall == 1
        of_fakes = labels[is_fake & ~np.isnan(labels)]
        share = float(np.mean(of_fakes)) if len(of_fakes) else 0.0
        return cls(float(np.mean(labels[~np.isnan(labels)])), share or None)

    def shift(self, prior: float) -> float:
        """What a logit rises by where the share `prior` of files is fake."""
        if self.of_fakes is None:
            raise ValueError("the share of fakes in which this output is fake is unknown")
        return _logit(prior * self.of_fakes) - _logit(self.fakes)


def check_prior(prior: float) -> None:
    """ConfigError unless it lies between 0 and 1."""
    if not 0 < prior < 1:  # NaN does not
        raise ConfigError(
            f"prior is {prior}; it is the share of files taken to be forged before one is looked "
            "at, above 0 and below 1, such as 0.01 for one in a hundred"
        )


def shift_probability(p: float, by: float) -> float:
    """The probability whose logit is that of `p` plus `by`; 0 and 1 stay."""
    # In odds, since a logit of 0 or 1 is infinite, and a difference of none changes no bit of p.
    odds = float(np.exp(np.clip(by, -700, 700)))
    return p * odds / (p * odds + (1 - p))


def _logit(p: float) -> float:
    return float(np.log(p) - np.log1p(-p))
