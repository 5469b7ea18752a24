"""Which detector a verb asks: those that are named, or the one that comes with avfake."""

import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING

from avfake.cli.flags import refuse_idle
from avfake.shipped import DEFAULT, default_release

if TYPE_CHECKING:
    from avfake.detector import Combination


def choose(detectors: Sequence[str], combine: str | None = None) -> "str | Combination":
    """What `Detector.from_pretrained` takes; on stderr, what is to be known of the default.

    combine: how several answer together; None = by their mean.
    """
    names = tuple(detectors) or (DEFAULT,)
    if len(names) == 1:
        refuse_idle({"--combine": combine}, "one detector answers alone; name another, too")
    chosen = names[0] if len(names) == 1 else _together(names, combine or "mean")
    if DEFAULT in names:
        print(default_release().notice, file=sys.stderr)
    return chosen


def _together(names: tuple[str, ...], rule: str) -> "Combination":
    from avfake.detector import Combination

    return Combination(names, rule)


def choose_one(detector: str) -> str:
    """The same for a verb that asks one detector."""
    choose((detector,))
    return detector
