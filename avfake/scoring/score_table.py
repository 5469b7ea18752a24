"""The table of scores, its journal, and the files that still need scores."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from avfake import storage
from avfake.errors import ConfigError
from avfake.parallel import Journal
from avfake.scoring.submission import SUBMISSION, checked_fill
from avfake.storage import AnyPath, Output

COLUMNS = (
    *("file", "status", "decision", "p_fake", "p_face_fake", "p_voice_fake"),
    *("prior", "reasons", "contributions"),
)
RUN = "#run"
"""Key of the journal line that says which detector and options the other lines came from."""


@dataclass(frozen=True)
class ScoreTable:
    """Rows of `COLUMNS` that `score_files` wrote."""

    path: AnyPath
    rows: list[dict[str, Any]]
    """Rows of the requested files, in their order."""
    num_kept: int = 0
    """Rows of other files, of earlier runs, that stand before them in the table."""

    @property
    def failed(self) -> list[dict[str, Any]]:
        """Rows without any probability."""
        return [row for row in self.rows if row["p_fake"] is None]

    def __str__(self) -> str:
        kept = f"; {self.num_kept} rows of other files kept" * bool(self.num_kept)
        lines = [f"{len(self.rows)} files scored: {self.path}{kept}"]
        if self.failed:
            lines.append(
                f"{len(self.failed)} files could not be assessed; each with its reason in "
                f"{self.path}:"
            )
        lines += [f"  {row['file']}: {row['reasons']}" for row in self.failed[:5]]
        return "\n".join(lines)

    def write_submission(self, out: str | Path, fill: float | None = None) -> str:
        """Write filename,label for every row; return a sentence that says where and how.

        fill: as for `checked_fill`
        """
        files = [storage.as_path(row["file"]) for row in self.rows]
        fill = checked_fill(files, fill)
        labels = [fill if row["p_fake"] is None else row["p_fake"] for row in self.rows]
        rows = [{"filename": f.name, "label": v} for f, v in zip(files, labels, strict=True)]
        path = storage.as_path(out)
        storage.remove_partials(path)
        storage.write_table(path, SUBMISSION, rows)
        filled = f"; {len(self.failed)} rows took --fill {fill:g}" * bool(self.failed)
        return f"submission: {out}{filled}"


def checked_journal(files: Sequence[AnyPath], out: Output) -> Journal:
    """Return the journal of a table that will hold these files; in memory for that of a stream.

    ConfigError if one of both cannot be written or would destroy something.
    """
    out.check_file(endings=())
    target = storage.target_of(out.path)  # the same journal under every link
    place = None
    if target is not None:
        place = Journal.path_of(target.with_name(storage.fitting(target.name + ".journal")))
    if isinstance(place, Path):
        named = f"the journal of {out.flag} {out.path}:"
        Output(place, named, out.inputs).check_file("journal", endings=())
    journal = Journal(place, "file")
    out.check_table(COLUMNS, lambda: _known(journal, files))
    return journal


def check_apart(outs: Mapping[str, AnyPath | None]) -> None:
    """Raise ConfigError if two outputs are one file; outs: flag -> path or URL, None = none."""
    seen: dict[AnyPath | None, str] = {}
    for flag, out in outs.items():
        target = out.resolve() if isinstance(out, Path) else out
        if target in seen:
            raise ConfigError(f"{seen[target]} and {flag} are one file, {out}; give another name")
        if target is not None:
            seen[target] = flag


def open_journal(out: AnyPath, files: Sequence[AnyPath], run: str) -> Journal:
    """Open the journal of a table that will hold these files.

    run: the detector and all else that scores depend on. ConfigError for a table that is one of the
    files, was not made by avfake, or belongs to another run.
    """
    journal = checked_journal(files, Output(out, inputs=files, remote=True))
    storage.remove_partials(out)
    if journal.begin({"file": RUN, "run": run}).get("run") != run:
        raise ConfigError(
            f"{journal.path} belongs to another detector or other options; "
            f"give another --out, or delete it and {out} to score again"
        )
    _refuse_namesakes(journal, files)
    return journal


def _known(journal: Journal, files: Sequence[AnyPath]) -> set[str]:
    """Return the files whose rows will be in the table; call it after the table was read."""
    journal.reload()
    return {*journal.done, *map(str, files)}


def _refuse_namesakes(journal: Journal, files: Sequence[AnyPath]) -> None:
    """Raise ConfigError if a row belongs to a file of the same relative name in another folder."""
    for file in files:
        path = (journal.done.get(str(file)) or {}).get("path")
        if path in (None, path_of(file)):
            continue
        states = storage.states_of([Path(path), file])
        if storage.has_changed(states[Path(path)], states[file]):
            raise ConfigError(
                f"the table has a row for {file}, of another file, {path}; give names that start "
                "with /, or another --out"
            )


def path_of(file: AnyPath) -> str | None:
    """Return the absolute path, links unresolved; None for a URL."""
    return str(file.absolute()) if isinstance(file, Path) else None


def write_scores(journal: Journal, files: Sequence[AnyPath], out: AnyPath) -> ScoreTable:
    """Write the rows of other files of the journal, then those of these files.

    Another process may write the same table: repeated until the journal has nothing new.
    """
    mine = [str(file) for file in files]
    not_others = {RUN, *mine}
    while True:
        others = [file for file in journal.done if file not in not_others]
        rows = [{name: journal.done[f].get(name) for name in COLUMNS} for f in others + mine]
        storage.write_table(out, COLUMNS, rows)
        if not journal.reload():
            return ScoreTable(out, rows[len(others) :], num_kept=len(others))
