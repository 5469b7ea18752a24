"""A manifest: one row a file, in memory and on disk.

On disk it is `name.csv`, where a label is `true`, `false` or empty (unknown), and `name.csv.json`
with the dataset, the warnings and the assumptions; a CSV without it, written by hand, is read too.
Labels in memory: True = fake, False = genuine, None = unknown or not there. 1 = fake everywhere.
"""

import csv
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Literal

from avfake.datasets.values import DataValueError, csv_lines, is_blank
from avfake.errors import ConfigError, ManifestError, nearest
from avfake.labels import ForgedSegment
from avfake.storage import AnyPath, as_path, fitting, read_if_there, write_whole

Label = bool | None
STREAMS = ("face", "voice", "both")
LABELS = {"true": True, "false": False, "": None}
LABEL_COLUMNS = ("label", "face_fake", "voice_fake", "has_audio", "has_video")
REQUIRED = ("clip_id", "path")
FILLED = ("clip_id", "path", "has_video", "status")
"""Columns that may not be empty where the table has them."""
NAMING = ("original", "identity", "group")
"""Columns that tie rows together by a name."""
TEXTS = ("clip_id", "path", "group", "dataset")
"""Columns that are a text even where they are empty."""


@dataclass(frozen=True)
class Row:
    """One file of a dataset."""

    clip_id: str
    """Posix path from the dataset's root, unique in a manifest; a zip member's is the path that
    it would have after unpacking in place, so that it stays the same."""
    path: str
    """What `media.local_file` opens: a path, or `archive.zip!/member.mp4`."""
    label: Label = None
    """Whether anything in the file is forged."""
    face_fake: Label = None
    voice_fake: Label = None
    has_video: bool = True
    has_audio: bool | None = None
    """None until the file is opened."""
    original: str | None = None
    """clip_id of the genuine clip this fake was made from, present or not."""
    group: str = ""
    """The original's id, a family or a speaker: a split never divides the rows of one group."""
    dataset: str = ""
    part: str | None = None
    """Folder or shard number, for part-wise splits."""
    identity: str | None = None
    method: str | None = None
    source: str | None = None
    split: str | None = None
    """The dataset's own split, where it has one."""
    status: Literal["ok", "missing"] = "ok"
    segments: tuple[ForgedSegment, ...] = ()
    """Forged segments that the dataset names; for a fake without any, it is unknown where."""


COLUMNS = tuple(field.name for field in fields(Row))


@dataclass(frozen=True)
class Manifest:
    """All rows of one dataset, with what was assumed and what was unusual about it."""

    rows: tuple[Row, ...]
    dataset: str
    warnings: tuple[str, ...] = ()
    """Sentences that name the files concerned (the first few, and how many)."""
    assumed: dict[str, str] = field(default_factory=dict)
    """Column -> why its labels are an assumption."""

    def __len__(self) -> int:
        return len(self.rows)

    def save(self, path: str | Path) -> None:
        """Write both files; each appears whole or not at all."""
        path = as_path(path)
        text = io.StringIO(newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([_written(getattr(row, name)) for name in COLUMNS] for row in self.rows)
        shared = {name: getattr(self, name) for name in ("dataset", "warnings", "assumed")}
        write_whole(_json_beside(path), json.dumps(shared, indent=1, ensure_ascii=False) + "\n")
        write_whole(path, text.getvalue())


def read_manifest(path: str | Path) -> Manifest:
    """Return the manifest in a CSV file. Raises ManifestError with the line and the column."""
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
    shared = _shared_facts(_json_beside(path))
    dataset = shared.get("dataset") or (rows[0].dataset if rows else "")
    return Manifest(rows, dataset, tuple(shared.get("warnings", ())), shared.get("assumed", {}))


def checked_segment(
    start: Any, end: Any, stream: str, *, unit_seconds: float = 1.0
) -> ForgedSegment:
    """Return a segment in seconds. Raises DataValueError if there is none like that."""
    try:
        first, last = float(start) * unit_seconds, float(end) * unit_seconds
    except (TypeError, ValueError):
        raise DataValueError(f"a segment has two times, got {start!r} and {end!r}") from None
    if not 0 <= first <= last or last == float("inf"):
        raise DataValueError(f"a segment from {start} to {end} cannot be")
    if stream not in STREAMS:
        raise DataValueError(f"{stream!r} is no stream; allowed: {', '.join(STREAMS)}")
    return ForgedSegment(first, last, stream)


def _segments_from_text(text: str) -> tuple[ForgedSegment, ...]:
    found = []
    for piece in text.split():
        pieces = piece.split(":")
        if len(pieces) != 3:
            raise DataValueError(f"{piece!r} is no segment; write start:end:stream, in seconds")
        found.append(checked_segment(*pieces))
    return tuple(found)


def _json_beside(path: AnyPath) -> AnyPath:
    return path.with_name(fitting(f"{path.name}.json"))


def _written(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(map(str, value))
    return "" if value is None else str(value).lower() if isinstance(value, bool) else value


def _text_of(path: AnyPath) -> str | None:
    try:
        content = read_if_there(path)
    except OSError as error:
        raise ManifestError(f"{path}: the manifest cannot be read ({error.strerror})") from error
    return None if content is None else content.decode("utf-8-sig", errors="surrogateescape")


def _shared_facts(path: AnyPath) -> dict[str, Any]:
    try:
        text = _text_of(path)
        content = {} if text is None else json.loads(text)
    except json.JSONDecodeError as error:
        raise ManifestError(f"{path}, line {error.lineno}: not valid JSON ({error.msg})") from error
    except (RecursionError, ValueError) as error:  # too deep, or a number of too many digits
        raise ManifestError(f"{path}: is not what avfake writes ({error})") from error
    if not isinstance(content, dict):
        raise ManifestError(f"{path}: must be a JSON object")
    kinds = {"dataset": str, "warnings": list, "assumed": dict}
    if wrong := [
        name for name, kind in kinds.items() if not isinstance(content.get(name, kind()), kind)
    ]:
        raise ManifestError(
            f"{path}: {', '.join(wrong)} is not what avfake writes; delete the file"
        )
    return content


def _rows(path: AnyPath, text: str) -> Iterator[Row]:
    lines = csv_lines(path, text, ManifestError, strict=True)
    header, _ = next(lines, ([], ""))
    _check_header(path, header)
    for cells, where in lines:
        if cells and len(cells) != len(header):
            raise ManifestError(f"{where}: {len(cells)} values for {len(header)} columns")
        if cells:
            values = map(_value, header, cells, (f"{where}, column {name}" for name in header))
            yield Row(**dict(zip(header, values, strict=True)))


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


def _value(name: str, cell: str, where: str) -> Any:
    if cell in ("nan", "NaN", "<NA>") or (name in NAMING and is_blank(cell)):
        cell = ""  # of a table that another program has written again
    if not cell and name in FILLED:
        raise ManifestError(f"{where}: is empty")
    if name == "clip_id":
        _check_inside(cell, where)
    if name in LABEL_COLUMNS:
        if cell not in LABELS:
            raise ManifestError(
                f"{where}: {cell!r} is no label; allowed: true, false, or empty for unknown"
            )
        return LABELS[cell]
    if name == "status" and cell not in ("ok", "missing"):
        raise ManifestError(f"{where}: {cell!r}; allowed: ok, missing")
    if name == "segments":
        try:
            return _segments_from_text(cell)
        except DataValueError as error:
            raise ManifestError(f"{where}: {error}") from error
    return cell if cell or name in TEXTS else None


def _check_inside(clip_id: str, where: str) -> None:
    """Raise ManifestError for an id that, taken for a path, leads out of the folder it is in."""
    try:
        fitting(clip_id)
    except ConfigError as error:
        raise ManifestError(f"{where}: {error}") from error
