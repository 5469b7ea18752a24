"""Label tables beside the media, read as the spec says: JSON, CSV, words or lines."""

import csv
import json
import posixpath
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from avfake.datasets.expressions import Expression, Scope
from avfake.datasets.listing import Listing, glob_pattern
from avfake.datasets.spec import TableSpec
from avfake.datasets.values import DataValueError, as_text, csv_lines, folder_of
from avfake.errors import ManifestError, SpecError, nearest


@dataclass(slots=True)
class Record:
    """One row of a table."""

    values: dict[str, Any]
    where: str
    """File and line, or file and key: for messages."""


@dataclass
class Table:
    """All records of one table, and those that can be looked up by key."""

    files: list[str] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    by_key: dict[str, Record] = field(default_factory=dict)


def read_table(spec: TableSpec, listing: Listing, params: dict[str, str]) -> Table:
    """Return a table, all its files as one. Raises SpecError or ManifestError."""
    table = Table(_files_of(spec, listing))
    if not table.files and not spec.optional:
        raise SpecError(
            f"table {spec.name!r} is missing: no file {' or '.join(spec.globs)} "
            f"in {listing.root} or a zip archive there"
        )
    for file in table.files:
        beside = _file_names(spec, file)
        for record in read_records(spec, file, listing.read(file)):
            values = record.values
            if all(as_text(values.get(name)) in kept for name, kept in spec.where.items()):
                _check_filled(spec, record)
                values.update(beside)
                table.records.append(record)
    if spec.key is None:
        return table
    for record in table.records:
        key = evaluated(spec.key, record, params)
        if key is None:
            raise ManifestError(f"{record.where}: has nothing to look it up by (its key is empty)")
        if key in table.by_key and spec.duplicate == "error":
            raise ManifestError(
                f"{record.where}: {key!r} is there already, at {table.by_key[key].where}; "
                "remove one of the two"
            )
        if key not in table.by_key or spec.duplicate == "last":
            table.by_key[key] = record
    return table


def _files_of(spec: TableSpec, listing: Listing) -> list[str]:
    groups = [(glob,) for glob in spec.globs] if spec.first_found else [spec.globs]
    for globs in groups:
        whole = glob_pattern(globs).fullmatch
        found = (name for name in listing.files if whole(name))
        names = [name for name in found if name in globs or name not in listing.own_tables]
        if spec.file_regex:
            names = [name for name in names if spec.file_regex.search(name)]
        if names:
            return names
    return []


def _file_names(spec: TableSpec, file: str) -> dict[str, Any]:
    found = spec.file_regex.search(file) if spec.file_regex else None
    return {
        **(found.groupdict() if found else {}),
        "file.dir": folder_of(file),
        "file.stem": posixpath.splitext(posixpath.basename(file))[0],
    }


def _check_filled(spec: TableSpec, record: Record) -> None:
    for needed in spec.require:
        if all(as_text(record.values.get(column)) is None for column in needed.split("|")):
            there = ", ".join(map(str, record.values)) or "nothing"
            raise ManifestError(
                f"{record.where}: has no {needed.replace('|', ' or ')} (it has: {there}); "
                "add it, or remove the row"
            )


def evaluated(expression: Expression, record: Record, params: dict[str, str]) -> str | None:
    """Return the key or path of a record, from its columns, its file and the parameters."""
    scope = Scope({**{f"params.{k}": v for k, v in params.items()}, **record.values})
    try:
        return as_text(expression.evaluate(scope))
    except DataValueError as error:
        raise ManifestError(f"{record.where}: {error}") from error


def read_records(spec: TableSpec, file: str, content: bytes) -> Iterator[Record]:
    """Yield the records of one file."""
    try:
        text = content.decode(spec.encoding)
    except (UnicodeDecodeError, LookupError) as error:
        raise SpecError(f"{file}: is not {spec.encoding} text ({error})") from error
    if spec.format.startswith("json"):
        return _json_records(spec, file, _json(text, file))
    if spec.format == "csv":
        return _csv_records(spec, file, text)
    return _line_records(spec, file, text)


def _json(text: str, file: str) -> Any:
    def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        values = dict(pairs)
        if len(values) < len(pairs):
            ((twice, _),) = Counter(key for key, _ in pairs).most_common(1)
            raise ManifestError(f"{file}: the key {twice!r} is there twice; remove one of the two")
        return values

    try:
        return json.loads(text, object_pairs_hook=once)
    except json.JSONDecodeError as error:
        raise SpecError(
            f"{file}, line {error.lineno}, column {error.colno}: not valid JSON ({error.msg}); "
            "the file may be cut short: fetch it again"
        ) from error
    except RecursionError as error:
        raise SpecError(f"{file}: not a table, the JSON is nested too deeply") from error
    except ValueError as error:  # a number of too many digits
        raise SpecError(f"{file}: not a table ({error})") from error


def _json_records(spec: TableSpec, file: str, content: Any) -> Iterator[Record]:
    for key in spec.at.split(".") if spec.at else ():
        if not isinstance(content, dict) or key not in content:
            raise SpecError(f"{file}: has no {spec.at!r}, where the table should be")
        content = content[key]
    if spec.format == "json_flat":
        for text in _strings(content):
            yield Record({"value": text}, f"{file}, {text!r}")
        return
    wanted = dict if spec.format == "json_map" else list
    if not isinstance(content, wanted):
        raise SpecError(
            f"{file}: must be a JSON {'object' if wanted is dict else 'list'}, "
            f"is a {type(content).__name__}"
        )
    items: Iterable[tuple[Any, Any]] = (
        content.items() if isinstance(content, dict) else enumerate(content, start=1)
    )
    for key, value in items:
        where = f"{file}, entry {key!r}"
        record = dict(value) if isinstance(value, dict) else {"value": value}
        if spec.format == "json_map":
            record["key"] = key
        yield Record(record, where)


def _strings(content: Any) -> Iterator[str]:
    if isinstance(content, str):
        yield content
    elif isinstance(content, list | dict):
        for item in content if isinstance(content, list) else content.values():
            yield from _strings(item)


def _csv_records(spec: TableSpec, file: str, text: str) -> Iterator[Record]:
    quoting = csv.QUOTE_MINIMAL if spec.quoting else csv.QUOTE_NONE
    lines = csv_lines(file, text, SpecError, delimiter=spec.delimiter, quoting=quoting)
    columns, width = list(enumerate(spec.columns)), len(spec.columns)
    if spec.header != "false":
        header, _ = next(lines, (None, ""))
        if header is None:
            raise SpecError(f"{file}: is empty, not even a header")
        columns = columns or _renamed(spec, file, [name.strip() for name in header])
        width = len(spec.columns or header)
    for cells, where in lines:
        if not spec.columns and any(cells[width:]):
            raise ManifestError(
                f"{where}: {len(cells)} values for {width} columns; "
                "quote values that hold the delimiter"
            )
        if cells:
            yield Record(_named(columns, cells), where)


def _renamed(spec: TableSpec, file: str, header: list[str]) -> list[tuple[int, str]]:
    """Return (position, name) of each column; the spec's names win over those in the file."""
    renamed = {new: old for new, old in spec.rename.items() if old}
    for new, old in renamed.items():
        if old != "-" and old not in header:
            raise SpecError(
                f"{file}: has no column {old!r} for {new!r}{nearest(old, header)}; "
                f"columns: {', '.join(header)}"
            )
    kept = [(n, name) for n, name in enumerate(header) if name not in renamed]
    return kept + [(header.index(old), new) for new, old in renamed.items() if old != "-"]


def _line_records(spec: TableSpec, file: str, text: str) -> Iterator[Record]:
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        cells = {"value": line.strip()}
        if spec.format != "lines":
            cells = _named(enumerate(spec.columns), line.split())
        yield Record(cells, f"{file}, line {number}")


def _named(columns: Iterable[tuple[int, str]], cells: list[str]) -> dict[str, Any]:
    """Return column -> value; too few values and empty ones are left out."""
    there = len(cells)
    return {name: cells[n] for n, name in columns if n < there and cells[n] and name != "_"}
