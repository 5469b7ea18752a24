"""A table of scores, its journal, and which of its rows still hold."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avfake.cluster import Journal, journal_at
from avfake.errors import ConfigError
from avfake.files import is_stream, target_of, write_table
from avfake.outputs import check_file, check_table
from avfake.remote import Place, beside, has_changed, name_of, state_of

COLUMNS = (
    *("file", "status", "decision", "p_fake", "p_face_fake", "p_voice_fake"),
    *("prior", "reasons", "contributions"),
)
RUN = "#run"
"""Key of the journal line that says which detector and switches the other lines came from."""
PASSING = ("file_missing", "unreachable", "crashed", "timed_out", "out_of_memory")
"""Reasons that may have gone though the file is the same."""


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


def open_journal(out: Place, files: Sequence[Place], run: str) -> Journal:
    """The journal of a table into which these files are to go.

    run: the detector, and all else that an answer depends on. ConfigError for a table that is one
    of the files, is not ours, or belongs to another run.
    """
    check_file(out, inputs=files, endings=(), remote=True)
    journal = Journal(journal_of(out), "file")
    check_table(out, COLUMNS, rows=lambda: _known(journal, files))
    if journal.begin({"file": RUN, "run": run}).get("run") != run:
        raise ConfigError(
            f"{journal.path} belongs to another detector or other switches; "
            f"give another --out, or delete it and {out} to score again"
        )
    _refuse_namesakes(journal, files)
    return journal


def _known(journal: Journal, files: Sequence[Place]) -> set[str]:
    """Files whose rows will be in the table; asked after the table was read, which others write."""
    journal.reload()
    return {*journal.done, *map(str, files)}


def _refuse_namesakes(journal: Journal, files: Sequence[Place]) -> None:
    """ConfigError if a row is of another file that has the same name in another folder."""
    for file in files:
        path = (journal.done.get(str(file)) or {}).get("path")
        if path not in (None, path_of(file)) and has_changed(state_of(Path(path)), state_of(file)):
            raise ConfigError(
                f"the table has a row for {file}, of another file, {path}; give names that start "
                "with /, or another --out"
            )


def path_of(file: Place) -> str | None:
    """From the root, links as the user wrote them; None for a URL."""
    return str(file.absolute()) if isinstance(file, Path) else None


def write_scores(journal: Journal, files: Sequence[Place], out: Place) -> ScoreTable:
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


def unsettled(
    journal: Journal,
    files: Sequence[Place],
    states: Mapping[Place, str | None],
    *,
    is_rewritten: bool,
) -> list[Place]:
    """The files that have no row yet, or failed, or have changed since; one gone keeps its row.

    states: of the files now. is_rewritten: they are rewritten before they are judged, which is tried
    again only where what failed was not the file itself.
    """

    def is_settled(file: Place) -> bool:
        row = journal.done.get(str(file))
        if row is None or has_changed(row.get("state"), states[file]):
            return False
        if row["status"] != "failed":
            return True
        return is_rewritten and not any(f"file:{code}" in row["reasons"] for code in PASSING)

    return [file for file in files if not is_settled(file)]
