"""Score tables of several detectors become one; rows are matched by file."""

import csv
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from avfake.detector.combining import RANK_MEAN, combine_outputs, common
from avfake.errors import ConfigError, Reason
from avfake.labels import COLUMNS, Decision

KEYS = ("file", "clip_id")
"""Columns that rows are matched by: the first is of `avfake predict`, the second of `evaluate`."""
SCORES = {output: columns.probability for output, columns in COLUMNS.items()}
OWN = {*SCORES.values(), "status", "decision", "prior", "reasons", "contributions"}
"""Columns that a detector fills; all others describe the file."""
Rows = Mapping[str, Mapping[str, str]]


@dataclass(frozen=True)
class CombinedTable:
    """One row for every file of any table, in the order first met."""

    columns: tuple[str, ...]
    rows: list[dict[str, Any]]
    missing: Mapping[Path, tuple[str, ...]]
    """Table -> files that it lacks and others have; they are combined without it."""
    is_ranked: bool = False
    """Whether the scores are ranks, which order the files and are no probabilities."""

    @property
    def failed(self) -> list[dict[str, Any]]:
        """Rows without any probability."""
        return [row for row in self.rows if row["p_fake"] is None]


def combine_tables(paths: Sequence[Path], rule: str) -> CombinedTable:
    """Return every file's probabilities, combined by `rule` over the tables that have one.

    The decision is that of the tables where they agree, as in `combine_verdicts`. ConfigError for
    a file twice in a table, a cell that is no probability, or labels that contradict each other.
    """
    if len(paths) < 2:
        raise ConfigError("combining needs two score tables or more")
    if twice := [str(path) for path in paths if paths.count(path) > 1]:
        raise ConfigError(f"a table counts once; twice: {twice[0]}")
    read = {path: _read(path) for path in paths}
    key = _common_key({path: header for path, (header, _) in read.items()})
    described = [name for name in read[paths[0]][0] if name not in OWN and name != key]
    columns = (key, *described, "status", "decision", *SCORES.values(), "prior", "reasons")
    tables = {path: _by_file(path, rows, key) for path, (_, rows) in read.items()}
    files = list(dict.fromkeys(file for table in tables.values() for file in table))
    answers = {output: _scores(tables, files, name) for output, name in SCORES.items()}
    combined = combine_outputs(answers, rule)
    rows = []
    for index, file in enumerate(files):
        having = [table[file] for table in tables.values() if file in table]
        row: dict[str, Any] = {key: file, **_described(file, having, described)}
        for output, name in SCORES.items():
            p = combined[output][index]
            row[name] = None if np.isnan(p) else float(f"{p:.6g}")
        rows.append(row | _decided(row, having, num_tables=len(tables)))
    lacking = {path: tuple(f for f in files if f not in table) for path, table in tables.items()}
    missing = {path: names for path, names in lacking.items() if names}
    return CombinedTable(columns, rows, missing, is_ranked=rule == RANK_MEAN)


def _decided(
    row: Mapping[str, Any], having: Sequence[Mapping[str, str]], *, num_tables: int
) -> dict[str, str]:
    votes = [cast(Decision, one.get("decision") or "unsure") for one in having if one["p_fake"]]
    reasons = dict.fromkeys(one["reasons"] for one in having if one.get("reasons"))
    if len(having) < num_tables:
        absent = f"{num_tables - len(having)} of {num_tables} tables"
        reasons[Reason("file", "no_row", absent).short] = None
    is_ok = len(having) == num_tables and all(one.get("status", "ok") == "ok" for one in having)
    return {
        "status": "failed" if row["p_fake"] is None else "ok" if is_ok else "partial",
        "decision": common(votes, "unsure"),
        "prior": common([one.get("prior", "") for one in having if one["p_fake"]], ""),
        "reasons": "; ".join(reasons),
    }


def _read(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Return the names of the columns, and the rows."""
    try:
        with path.open(encoding="utf-8-sig", errors="surrogateescape", newline="") as file:
            reader = csv.DictReader(file, restval="")
            return list(reader.fieldnames or []), list(reader)
    except (OSError, csv.Error) as error:
        raise ConfigError(f"{path} cannot be read as a score table: {error}") from error


def _common_key(headers: Mapping[Path, Sequence[str]]) -> str:
    key = next((one for one in KEYS if all(one in found for found in headers.values())), None)
    lacking = [str(path) for path, found in headers.items() if "p_fake" not in found]
    if key is None or lacking:
        raise ConfigError(
            f"{lacking[0] if lacking else ', '.join(map(str, headers))}: a score table has a "
            f"column p_fake, and all tables a column {' or '.join(KEYS)}"
        )
    return key


def _by_file(path: Path, rows: Sequence[dict[str, str]], key: str) -> dict[str, dict[str, str]]:
    if twice := [name for name, count in Counter(row[key] for row in rows).items() if count > 1]:
        raise ConfigError(f"{path} has these more than once: {_some(twice)}")
    return {row[key]: row for row in rows}


def _scores(tables: Mapping[Path, Rows], files: Sequence[str], name: str) -> np.ndarray:
    """Return float64 [N, M] of one column; NaN where a table has no row or an empty cell."""
    scores = np.full((len(files), len(tables)), np.nan)
    for column, (path, table) in enumerate(tables.items()):
        for index, file in enumerate(files):
            if cell := table.get(file, {}).get(name):
                scores[index, column] = _probability(cell, f"{path}: {file}: {name}")
    return scores


def _probability(cell: str, where: str) -> float:
    try:
        value = float(cell)
    except ValueError:
        value = math.nan
    if not 0 <= value <= 1:  # NaN is not
        raise ConfigError(f"{where} is {cell!r}; a probability lies in [0, 1], or is empty")
    return value


def _described(
    file: str, having: Sequence[Mapping[str, str]], columns: Sequence[str]
) -> dict[str, str]:
    """Return the columns that describe the file, in which the tables must not differ."""
    facts = {}
    for name in columns:
        values = {row[name] for row in having if row.get(name)}
        if len(values) > 1:
            raise ConfigError(f"{file}: {name} differs between the tables: {_some(sorted(values))}")
        facts[name] = next(iter(values), "")
    return facts


def _some(names: Sequence[str]) -> str:
    names = list(dict.fromkeys(names))
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
