"""Check an existing file: it is replaced only if this command made it and no row is lost."""

import csv
import io
import os
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from avfake.errors import ConfigError
from avfake.storage.files import is_stream, read_if_there
from avfake.storage.remote import AnyPath


def check_table(
    out: AnyPath,
    columns: Sequence[str],
    *,
    flag: str = "--out",
    rows: Callable[[], Collection[str]] | None = None,
    optional: Collection[str] = (),
) -> None:
    """Refuse to write over a table that this command did not make, or over rows it does not have.

    Args:
        columns: of the table that is to be written; the first says which row is which
        rows: gives what stands in the first column of all rows that will be written, and is asked
            after the table was read; None = any row may go
        optional: those of `columns` that may be absent
    """
    if isinstance(out, Path) and (is_stream(out) or not out.exists()):
        return
    content = read_if_there(out)
    if not content:
        return
    text = content.decode("utf-8-sig", errors="surrogateescape")
    try:
        header, *lines = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    except (csv.Error, ValueError):
        header, lines = [], []
    fixed = [name for name in header if name not in optional]
    if fixed != [name for name in columns if name not in optional]:
        raise ConfigError(
            f"{flag} {out} is there already and is no table that this command made; it was left "
            "as it is: give another name"
        )
    known = rows() if rows else {cells[0] for cells in lines}
    lost = [cells[0] for cells in lines if cells[0] not in known]
    if lost:
        more = ", ..." if len(lost) > 3 else ""
        raise ConfigError(
            f"{flag} {out} has {len(lost)} rows of other files, which would be lost "
            f"({', '.join(lost[:3])}{more}); give another name, or move it away"
        )


def check_mark(out: Path, mark: bytes, *, flag: str = "--out") -> None:
    """Refuse to write over a file that has no such mark, near its start or its end."""
    if is_stream(out) or not out.exists():
        return
    with out.open("rb") as file:
        found = file.read(4096)
        file.seek(max(0, file.seek(0, os.SEEK_END) - 4096))
        found += file.read()
    if found and mark not in found:
        raise ConfigError(
            f"{flag} {out} is there already and was not made by this command; it was left as it "
            "is: give another name"
        )
