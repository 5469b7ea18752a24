"""Which detectors a verb uses: those that are named, or the one that comes with avfake."""

import sys
from collections.abc import Sequence

from avfake.cli.flags import refuse_idle
from avfake.labels import DEFAULT


def choose(detectors: Sequence[str], combine: str | None = None) -> tuple[str, ...]:
    """Return the names for `Detector.from_pretrained`; print the notice of the default on stderr.

    combine: how several answer together; ConfigError if it is given for one.
    """
    names = tuple(detectors) or (DEFAULT,)
    if len(names) == 1:
        refuse_idle({"--combine": combine}, "one detector answers alone; name another, too")
    if DEFAULT in names:
        from avfake.detector import default_release  # late: importing torch takes seconds

        print(default_release().notice, file=sys.stderr)
    return names


def choose_one(detector: str) -> str:
    """Return the name for a verb that uses one detector, with the same notice."""
    choose((detector,))
    return detector
