"""A manifest on disk: `name.csv`, one line a row, and `name.csv.json` with what holds for them all.

In the CSV a label is `true`, `false` or empty (unknown). The JSON beside it has the dataset, the
warnings and the assumptions; a CSV without it, written by hand, is read as well.
"""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from avfake.config import nearest
from avfake.datasets.expressions import ExpressionError
from avfake.datasets.rows import Manifest, Row
from avfake.datasets.segments import segments_as_text, segments_from_text
from avfake.datasets.values import is_blank
from avfake.errors import ManifestError
from avfake.labels import ForgedSegment
from avfake.storage import AnyPath, as_path, beside, name_of, read_if_there, write_whole

COLUMNS = tuple(field.name for field in fields(Row))
LABELS = {"true": True, "false": False, "": None}
LABEL_COLUMNS = ("label", "face_fake", "voice_fake", "has_audio", "has_video")
REQUIRED = ("clip_id", "path")
FILLED = ("clip_id", "path", "has_video", "status")
"""Columns that, where they are there, must hold something."""
NAMING = ("original", "identity", "group")
"""Columns that tie rows together by a name."""
TEXTS = ("clip_id", "path", "group", "dataset")
"""Columns that are a text even where they are empty."""


def save_manifest(manifest: Manifest, path: str | Path) -> None:
    """Writes both files; each appears whole or not at all."""
    path = as_path(path)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    writer.writerows([_written(getattr(row, name)) for name in COLUMNS] for row in manifest.rows)
    told = {
        "dataset": manifest.dataset,
        "warnings": list(manifest.warnings),
        "assumed": manifest.assumed,
    }
    write_whole(beside_of(path), json.dumps(told, indent=1, ensure_ascii=False) + "\n")
    write_whole(path, text.getvalue())


def beside_of(path: AnyPath) -> AnyPath:
    """The JSON file that goes with a manifest's CSV."""
    return beside(path, f"{name_of(path)}.json")


def read_manifest(path: str | Path) -> Manifest:
    """The manifest in a CSV file. Raises ManifestError that names the line and the column."""
    path = as_path(path)
    text = _text_of(path)
    if text is None:
        raise ManifestError(f"{path}: the manifest cannot be read (No such file)")
    rows = tuple(_rows(path, text))
    lines: dict[str, int] = {}
    for number, row in enumerate(rows, start=1):
        first = lines.setdefault(row.clip_id, number)
        if first != number:
            raise ManifestError(
                f"{path}: rows {first} and {number} have one clip_id, {row.clip_id}"
            )
    told = _told_beside(beside_of(path))
    dataset = told.get("dataset") or (rows[0].dataset if rows else "")
    return Manifest(rows, dataset, tuple(told.get("warnings", ())), told.get("assumed", {}))


def _written(value: Any) -> str:
    if isinstance(value, tuple):
        return segments_as_text(value)
    return "" if value is None else str(value).lower() if isinstance(value, bool) else value


def _segments(cell: str, where: str) -> tuple[ForgedSegment, ...]:
    try:
        return segments_from_text(cell)
    except ExpressionError as error:
        raise ManifestError(f"{where}, column segments: {error}") from error


def _text_of(path: AnyPath) -> str | None:
    try:
        content = read_if_there(path)
    except OSError as error:
        raise ManifestError(f"{path}: the manifest cannot be read ({error.strerror})") from error
    return None if content is None else content.decode("utf-8-sig", errors="surrogateescape")


def _told_beside(path: AnyPath) -> dict[str, Any]:
    try:
        text = _text_of(path)
        content = {} if text is None else json.loads(text)
    except json.JSONDecodeError as error:
        raise ManifestError(f"{path}, line {error.lineno}: not valid JSON ({error.msg})") from error
    if not isinstance(content, dict):
        raise ManifestError(f"{path}: must be a JSON object")
    return content


def _rows(path: AnyPath, text: str) -> Iterator[Row]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        _check_header(path, header)
        for cells in reader:
            if not cells:
                continue
            where = f"{path}, line {reader.line_num}"
            if len(cells) != len(header):
                raise ManifestError(f"{where}: {len(cells)} values for {len(header)} columns")
            yield _row(dict(zip(header, cells, strict=True)), where)
    except csv.Error as error:
        raise ManifestError(f"{path}, line {reader.line_num}: not valid CSV ({error})") from error


def _check_header(path: AnyPath, header: list[str]) -> None:
    for name in REQUIRED:
        if name not in header:
            raise ManifestError(f"{path}: has no column {name!r}; columns: {', '.join(header)}")
    for name in header:
        if name not in COLUMNS or header.count(name) > 1:
            problem = "is there twice" if name in COLUMNS else "is unknown"
            raise ManifestError(
                f"{path}, line 1: column {name!r} {problem}{nearest(name, COLUMNS)}; "
                f"allowed: {', '.join(COLUMNS)}"
            )


def _row(cells: dict[str, str], where: str) -> Row:
    values: dict[str, Any] = {}
    for name, cell in cells.items():
        if cell in ("nan", "NaN", "<NA>") or (name in NAMING and is_blank(cell)):
            cell = ""  # noqa: PLW2901  of a table that another program has written anew
        if not cell and name in FILLED:
            raise ManifestError(f"{where}, column {name}: is empty")
        if name in LABEL_COLUMNS:
            if cell not in LABELS:
                raise ManifestError(
                    f"{where}, column {name}: {cell!r} is no label; "
                    "allowed: true, false, or empty for unknown"
                )
            values[name] = LABELS[cell]
        elif name == "segments":
            values[name] = _segments(cell, where)
        else:
            values[name] = cell if cell or name in TEXTS else None
    if values.get("status", "ok") not in ("ok", "missing"):
        raise ManifestError(f"{where}, column status: {values['status']!r}; allowed: ok, missing")
    return Row(**values)
