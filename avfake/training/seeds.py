"""All seeds of a run, derived from its one seed."""

from typing import Literal

import numpy as np

Purpose = Literal["split", "calibration", "model", "epoch"]


def seed_for(seed: int, purpose: Purpose, *keys: int) -> int:
    """Return the seed for one purpose.

    Args:
        seed: of the run; for "epoch", that of the model
        keys: the fold of a "model", which also seeds its draws; epoch and process of an "epoch"
    """
    if purpose == "model":
        [fold] = keys
        return seed * 1000 + fold
    if purpose == "epoch":
        return int(np.random.SeedSequence((seed, *keys)).generate_state(1)[0])
    return seed
