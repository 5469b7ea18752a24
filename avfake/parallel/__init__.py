"""Work spread over processes: from a function and items to results or `Failure`s.

A worker that dies or hangs loses its one item, never the run. The journal keeps what is done.
"""

from avfake.parallel.journal import Journal
from avfake.parallel.pool import default_workers, map_isolated, map_items
from avfake.parallel.resume import is_settled, map_into_journal, progress
from avfake.parallel.standing import StandingPool, Step
from avfake.parallel.worker import Failure

__all__ = [
    "Failure",
    "Journal",
    "StandingPool",
    "Step",
    "default_workers",
    "is_settled",
    "map_into_journal",
    "map_isolated",
    "map_items",
    "progress",
]
