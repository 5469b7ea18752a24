"""Which detector a verb asks: those that are named, or the one that comes with avfake."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from avfake.shipped import DEFAULT, default_release

if TYPE_CHECKING:
    from avfake.ensemble import Combination


def choose(detectors: Sequence[str], combine: str = "mean") -> "str | Combination":
    """What `Detector.from_pretrained` takes; on stderr, what is to be known of the default."""
    names = tuple(detectors) or (DEFAULT,)
    if DEFAULT in names:
        print(default_release().notice, file=sys.stderr)
    if len(names) == 1:
        return names[0]
    from avfake.ensemble import Combination

    return Combination(names, combine)


def choose_one(detector: str) -> str:
    """The same for a verb that asks one detector."""
    choose((detector,))
    return detector
