"""Files written whole or not at all, and the small tables every verb leaves behind."""

import csv
import io
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from avfake.errors import AvfakeError


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file so that a kill at any moment leaves the old content or the new, never half."""
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    if isinstance(content, str):
        # surrogateescape: file names that are not UTF-8 come back as they were.
        content = content.encode("utf-8", errors="surrogateescape")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise AvfakeError(f"{path} could not be written: {error.strerror or error}") from error


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Mapping[str, Any]]) -> None:
    """Write a csv with these columns, whole or not at all; None becomes an empty cell."""
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_whole(path, text.getvalue())
