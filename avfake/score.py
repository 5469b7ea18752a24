"""Many files come in; a table of verdicts and, if asked for, a competition submission go out.

Every requested file has a row. Killed at any moment and started again, it goes on; what failed is
tried again, what changed is scored again, and rows of other files stay.
"""

import logging
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

from avfake.cluster import Engine, Failure, Journal, journal_at, map_items
from avfake.data import media_in
from avfake.detector import Detector, Switches
from avfake.ensemble import Combination
from avfake.errors import ConfigError, MediaError, Reason, SpecError
from avfake.files import is_stream, target_of, write_table
from avfake.media import ENDINGS
from avfake.media.local import SEPARATOR
from avfake.outputs import check_file, check_table
from avfake.progress import progress
from avfake.remote import (
    Place,
    beside,
    ending_of,
    has_changed,
    inside,
    is_folder,
    name_of,
    place_of,
    state_of,
    states_of,
)
from avfake.submission import FILL, read_requested, write_labels
from avfake.verdict import Verdict

_log = logging.getLogger(__name__)
COLUMNS = (
    *("file", "status", "decision", "p_fake", "p_face_fake", "p_voice_fake"),
    *("prior", "reasons", "contributions"),
)
LISTS = ("reasons", "contributions")
"""Columns that join several things with semicolons; contributions are those of p_fake."""
RUN = "#run"
"""Key of the journal line that says which detector and switches the other lines came from."""
MEDIA_ENDINGS = {f".{ending}" for endings in ENDINGS.values() for ending in endings}
TIME_LIMIT_SECONDS = 600.0
Change = Callable[[Place, Path], Path]
"""A file and a folder in, a changed copy in that folder out; its `repr` says what it does."""


@dataclass(frozen=True)
class ScoreTable:
    """What `score_files` wrote, as rows of `COLUMNS`."""

    rows: list[dict[str, Any]]
    """Of the files that were asked for, in their order."""
    num_kept: int = 0
    """Rows of other files, of earlier runs, that stand before them in the table."""

    @property
    def failed(self) -> list[dict[str, Any]]:
        """Rows without any probability."""
        return [row for row in self.rows if row["p_fake"] is None]


def find_files(paths: Sequence[str | Path]) -> list[Place]:
    """The media files named, or anywhere below the folders and zip archives named, sorted.

    A named file is kept whatever its ending, and even if it is not there: it gets a status row.
    A URL with the ending of a media file is not asked whether it is a folder. What a folder holds
    that is left out is logged; what is junk, or was written by avfake, counts as not there.
    """
    if not paths:
        raise ConfigError("no file was named; give video or sound files, or folders of them")
    found: list[Place] = []
    for place in map(place_of, paths):
        below = _below(place)
        found += [place] if below is None else below
    return list(dict.fromkeys(found))


def _below(place: Place) -> Sequence[Place] | None:
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


def _is_archive(place: Place) -> bool:
    if ending_of(place) != ".zip":
        return False
    return place.is_file() if isinstance(place, Path) else not is_folder(place)


def find_requested(source: Place, sample_submission: Path) -> list[Place]:
    """The files of a folder or zip archive that a sample_submission.csv asks for, in its order.

    One that is not there is named all the same, and gets a status row.
    """
    names = read_requested(sample_submission)
    if is_folder(source):
        return [inside(source, name) for name in names]
    if not _is_archive(source):
        raise ConfigError(f"{source} is no folder and no zip archive in which files could lie")
    found = {name_of(file): file for file in find_files([source])}
    return [found.get(name, place_of(f"{source}{SEPARATOR}{name}")) for name in names]


def score_files(
    files: Sequence[Place],
    detector: str | Combination,
    out: Place,
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
    check_file(out, inputs=files, endings=(), remote=True)
    journal = Journal(journal_of(out), "file")
    check_table(out, COLUMNS, rows=lambda: _known(journal, files))
    if journal.begin({"file": RUN, "run": run}).get("run") != run:
        raise ConfigError(
            f"{journal.path} belongs to another detector or other switches; "
            f"give another --out, or delete it and {out} to score again"
        )
    _refuse_namesakes(journal, files)
    states = states_of(files)
    todo = [file for file in files if not _is_settled(journal.done.get(str(file)), states[file])]
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
            journal.append(_row_of(file, result) | {"state": states[file], "path": _path_of(file)})
            bar.update()
    return _written(journal, files, out)


def journal_of(out: Place) -> Place | None:
    """Where a table of scores has its journal; None for one that is written through to a reader."""
    if isinstance(out, Path):
        if is_stream(out):
            return None
        out = target_of(out)  # one table has one journal, whatever link leads to it
    return journal_at(beside(out, name_of(out) + ".journal"))


def check_scores(files: Sequence[Place], out: Place, *, flag: str, inputs: Iterable[Place]) -> None:
    """Refuse, before any work, a table of scores that cannot be written or would lose something.

    inputs: what is read, beside the files.
    """
    read = [*files, *inputs]
    check_file(out, flag=flag, inputs=read, remote=True)
    where = journal_of(out)
    if where is None:
        return
    if isinstance(where, Path):
        said = f"the journal of {flag} {out}:"
        check_file(where, flag=said, what="journal", endings=(), inputs=read)
    check_table(out, COLUMNS, flag=flag, rows=lambda: _known(Journal(where, "file"), files))


def _known(journal: Journal, files: Sequence[Place]) -> set[str]:
    """Files whose rows will be in the table; asked after the table was read, which others write."""
    journal.reload()
    return {*journal.done, *map(str, files)}


def _refuse_namesakes(journal: Journal, files: Sequence[Place]) -> None:
    """ConfigError if a row is of another file that has the same name in another folder."""
    for file in files:
        path = (journal.done.get(str(file)) or {}).get("path")
        if path not in (None, _path_of(file)) and has_changed(state_of(Path(path)), state_of(file)):
            raise ConfigError(
                f"the table has a row for {file}, of another file, {path}; give names that start "
                "with /, or another --out"
            )


def _path_of(file: Place) -> str | None:
    """From the root, links as the user wrote them; None for a URL."""
    return str(file.absolute()) if isinstance(file, Path) else None


def _written(journal: Journal, files: Sequence[Place], out: Place) -> ScoreTable:
    """Write the rows of these files, after those of other runs into the same table.

    Another process may do the same at this time: written again until the journal has nothing new.
    """
    mine = [str(file) for file in files]
    not_others = {RUN, *mine}
    while True:
        others = [file for file in journal.done if file not in not_others]
        rows = [{name: journal.done[f].get(name) for name in COLUMNS} for f in others + mine]
        write_table(out, COLUMNS, rows)
        if not journal.reload():
            return ScoreTable(rows[len(others) :], num_kept=len(others))


def _is_settled(row: dict[str, Any] | None, state: str | None) -> bool:
    """False for a file that failed, or has changed since; one that is gone keeps its answer."""
    if row is None or row["status"] == "failed":
        return False
    return not has_changed(row.get("state"), state)


def write_submission(table: ScoreTable, out: Place, *, fill: float = FILL) -> int:
    """Write filename,label for every row of the table; how many had to take the `fill` value."""
    files = [place_of(row["file"]) for row in table.rows]
    write_labels(files, [row["p_fake"] for row in table.rows], out, fill=fill)
    return len(table.failed)


def _predict_one(
    detector: str | Combination, switches: Switches, change: Change | None, file: Place
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


def verdict_of(file: Place, result: Verdict | Failure) -> Verdict:
    """The verdict on a file; for a Failure, one that says why there is none."""
    if isinstance(result, Verdict):
        return result
    reason = Reason("file", result.code, result.detail)
    return Verdict(str(file), "unsure", None, None, None, "failed", (reason,))


def _row_of(file: Place, result: Verdict | Failure) -> dict[str, Any]:
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
