"""Work spread over processes: a function and items come in, results or `Failure`s go out.

A worker that dies or hangs costs its one item, never the run. The journal keeps what is done.
"""

from avfake.parallel.journal import Journal, journal_at
from avfake.parallel.mapping import Engine, map_items
from avfake.parallel.pool import Failure, default_workers

__all__ = ["Engine", "Failure", "Journal", "default_workers", "journal_at", "map_items"]
