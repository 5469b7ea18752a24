"""Verdicts by a process of their own: a codec that crashes or hangs on a file ends that alone.

This module imports no torch: the process that watches needs none, and so the answer to one file
takes hardly longer than in one process (measured in `docs/architecture.md`).
"""

from collections.abc import Iterator, Sequence
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from avfake.detector import PredictOptions
from avfake.errors import AvfakeError, Reason
from avfake.parallel import Failure, map_isolated
from avfake.storage import AnyPath
from avfake.verdict import Verdict

if TYPE_CHECKING:
    from avfake.detector import Detector


def iter_verdicts(
    files: Sequence[AnyPath], detectors: Sequence[str], combine: str, options: PredictOptions
) -> Iterator[Verdict]:
    """Yield the verdict on each file, one after the other, by one worker process.

    A file at which it dies, or takes more than `options.limits` allow, has failed; the next one is
    answered by a new process. AvfakeError if the detectors cannot be loaded.
    """
    function = partial(_verdict, tuple(detectors), combine, options)
    limits = options.limits
    found = map_isolated(function, files, time_limit_seconds=limits.seconds, limits=limits)
    for index, result in found:
        if isinstance(result, AvfakeError):
            raise result
        yield verdict_of(files[index], result)


def verdict_of(file: AnyPath, result: Verdict | Failure) -> Verdict:
    """Return the verdict on a file; for a Failure, a failed one with the reason."""
    if isinstance(result, Verdict):
        return result
    return Verdict.failed(file, Reason("file", result.code, result.detail))


def _verdict(
    names: tuple[str, ...], combine: str, options: PredictOptions, file: AnyPath
) -> Verdict | AvfakeError:
    """Return the verdict, or why no file can have one: raised, it would be the file's failure."""
    try:
        loaded = _loaded(names, combine)
        loaded.check(options)
    except AvfakeError as error:
        return error
    return loaded.predict(file, options)


@lru_cache(maxsize=1)
def _loaded(names: tuple[str, ...], combine: str) -> "Detector":
    from avfake.detector import Detector  # late: torch

    return Detector.from_pretrained(names, combine=combine)
