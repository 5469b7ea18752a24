"""Many files come in; a table of verdicts and, if asked for, a competition submission go out.

Every requested file has a row. Killed at any moment and started again, it goes on; what failed is
tried again, what changed is scored again, and rows of other files stay.
"""

import logging
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from avfake.datasets import media_in
from avfake.detector import Combination, Detector, Switches
from avfake.errors import ConfigError, MediaError, Reason, SpecError
from avfake.media import ENDINGS, SEPARATOR
from avfake.parallel import Engine, Failure, map_items
from avfake.progress import progress
from avfake.scoring.score_table import (
    COLUMNS,
    ScoreTable,
    open_journal,
    path_of,
    unsettled,
    write_scores,
)
from avfake.scoring.submission import FILL, read_requested, write_labels
from avfake.storage import AnyPath, as_path, ending_of, inside, is_folder, name_of, states_of
from avfake.verdict import Verdict

_log = logging.getLogger(__name__)
LISTS = ("reasons", "contributions")
"""Columns that join several things with semicolons; contributions are those of p_fake."""
MEDIA_ENDINGS = {f".{ending}" for endings in ENDINGS.values() for ending in endings}
TIME_LIMIT_SECONDS = 600.0
Change = Callable[[AnyPath, Path], Path]
"""A file and a folder in, a changed copy in that folder out; its `repr` says what it does."""


def find_files(paths: Sequence[str | Path]) -> list[AnyPath]:
    """The media files named, or anywhere below the folders and zip archives named, sorted.

    A named file is kept whatever its ending, and even if it is not there: it gets a status row.
    A URL with the ending of a media file is not asked whether it is a folder. What a folder holds
    that is left out is logged; what is junk, or was written by avfake, counts as not there.
    """
    if not paths:
        raise ConfigError("no file was named; give video or sound files, or folders of them")
    found: list[AnyPath] = []
    for place in map(as_path, paths):
        below = _below(place)
        found += [place] if below is None else below
    return list(dict.fromkeys(found))


def _below(place: AnyPath) -> Sequence[AnyPath] | None:
    """The media files in a folder or zip archive, sorted; None for what is neither."""
    if not _is_archive(place):
        is_media = isinstance(place, str) and ending_of(place) in MEDIA_ENDINGS
        if is_media or not is_folder(place):
            return None
    try:
        below, notes = media_in(place)
    except (OSError, SpecError) as error:
        raise ConfigError(f"{place} cannot be read as a zip archive: {error}") from error
    if not below:
        raise ConfigError("; ".join([f"{place} holds no media file", *notes]))
    for note in notes:
        _log.warning("%s: %s", place, note)
    return below


def _is_archive(place: AnyPath) -> bool:
    if ending_of(place) != ".zip":
        return False
    return place.is_file() if isinstance(place, Path) else not is_folder(place)


def find_requested(source: AnyPath, sample_submission: Path) -> list[AnyPath]:
    """The files of a folder or zip archive that a sample_submission.csv asks for, in its order.

    One that is not there is named all the same, and gets a status row.
    """
    names = read_requested(sample_submission)
    if is_folder(source):
        return [inside(source, name) for name in names]
    if not _is_archive(source):
        raise ConfigError(f"{source} is no folder and no zip archive in which files could lie")
    found = {name_of(file): file for file in find_files([source])}
    return [found.get(name, as_path(f"{source}{SEPARATOR}{name}")) for name in names]


def score_files(
    files: Sequence[AnyPath],
    detector: str | Combination,
    out: AnyPath,
    *,
    switches: Switches | None = None,
    change: Change | None = None,
    workers: int = 1,
    time_limit_seconds: float = TIME_LIMIT_SECONDS,
    engine: Engine = "local",
    ray_address: str | None = None,
) -> ScoreTable:
    """Predict every file into the table `out` (csv); what its journal already holds is kept.

    Several processes may do so at once. ConfigError for a table of something or somebody else.
    `change` is done to a temporary copy of each file, which is then judged in its place. On a Ray
    cluster every machine must see the detector and the files under the same names.
    """
    switches = switches or Switches()
    loaded = Detector.from_pretrained(detector)
    loaded.check(switches)
    run = f"{loaded.name} {switches}"
    run += "" if change is None else f" {change}"
    journal = open_journal(out, files, run)
    states = states_of(files)
    todo = unsettled(journal, files, states, is_rewritten=change is not None)
    function = partial(_predict_one, detector, switches, change)
    done = len(files) - len(todo)
    with progress(total=len(files), initial=done, unit="file", desc="score") as bar:
        for index, result in map_items(
            function,
            todo,
            workers=workers,
            time_limit_seconds=time_limit_seconds,
            engine=engine,
            ray_address=ray_address,
        ):
            file = todo[index]
            journal.append(_row_of(file, result) | {"state": states[file], "path": path_of(file)})
            bar.update()
    return write_scores(journal, files, out)


def write_submission(table: ScoreTable, out: AnyPath, *, fill: float = FILL) -> int:
    """Write filename,label for every row of the table; how many had to take the `fill` value."""
    files = [as_path(row["file"]) for row in table.rows]
    write_labels(files, [row["p_fake"] for row in table.rows], out, fill=fill)
    return len(table.failed)


def _predict_one(
    detector: str | Combination, switches: Switches, change: Change | None, file: AnyPath
) -> Verdict:
    loaded = _loaded(detector)
    if change is None:
        return loaded.predict(file, switches)
    with tempfile.TemporaryDirectory(prefix="avfake-") as folder:
        try:
            changed = change(file, Path(folder))
        except MediaError as error:
            reasons = (error.reason,)
            return Verdict(str(file), "unsure", None, None, None, "failed", reasons)
        return replace(loaded.predict(changed, switches), file=str(file))


@lru_cache(maxsize=1)
def _loaded(detector: str | Combination) -> Detector:
    return Detector.from_pretrained(detector)


def verdict_of(file: AnyPath, result: Verdict | Failure) -> Verdict:
    """The verdict on a file; for a Failure, one that says why there is none."""
    if isinstance(result, Verdict):
        return result
    reason = Reason("file", result.code, result.detail)
    return Verdict(str(file), "unsure", None, None, None, "failed", (reason,))


def _row_of(file: AnyPath, result: Verdict | Failure) -> dict[str, Any]:
    result = verdict_of(file, result)
    row = {name: getattr(result, name) for name in COLUMNS if name not in LISTS}
    for name, value in row.items():
        # Digits, not decimals: under a small prior most probabilities are small.
        row[name] = float(f"{value:.6g}") if isinstance(value, float) else value
    overall = [one for one in result.contributions if one.output == "overall"]
    return row | {
        "reasons": "; ".join(reason.short for reason in result.reasons),
        "contributions": "; ".join(map(str, overall)),
    }
