"""Tables of a competition: the files that it requests, and the submission."""

import csv
import io
import math
import textwrap
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from avfake.errors import ConfigError
from avfake.storage import AnyPath

SUBMISSION = ("filename", "label")
FILL = 0.5
"""Default label of a file that could not be assessed."""


def read_requested(sample_submission: Path) -> list[str]:
    """Return the file names in a sample_submission.csv, in its order, each once.

    ConfigError if it cannot be read, has no column filename, or names no file.
    """
    try:
        # surrogateescape: names that are not UTF-8 come back as they are on the disk.
        text = sample_submission.read_bytes().decode("utf-8-sig", errors="surrogateescape")
        reader = csv.DictReader(io.StringIO(text, newline=""))
        columns = list(reader.fieldnames or [])
        names = [row.get("filename") or "" for row in reader]
    except (OSError, csv.Error) as error:
        cause = getattr(error, "strerror", None) or error
        raise ConfigError(f"{sample_submission} cannot be read as a csv: {cause}") from error
    if "filename" not in columns:
        found = textwrap.shorten(ascii(columns), 200)
        raise ConfigError(f"{sample_submission} has columns {found}; it needs 'filename'")
    for number, name in enumerate(names, start=1):
        if not name or "\0" in name:
            raise ConfigError(f"{sample_submission}: row {number} has no file name")
    if not names:
        raise ConfigError(f"{sample_submission} requests no file")
    return list(dict.fromkeys(names))


def checked_fill(files: Iterable[AnyPath], fill: float | None) -> float:
    """Return the label of a file in a submission that could not be assessed; None = `FILL`.

    ConfigError if that is no probability, or if two files have one name.
    """
    fill = FILL if fill is None else fill
    if not (0.0 <= fill <= 1.0) or math.isnan(fill):
        raise ConfigError(f"fill is {fill}; a probability lies in [0, 1]")
    twice = [name for name, count in Counter(f.name for f in files).items() if count > 1]
    if twice:
        raise ConfigError(
            f"a submission needs unique file names; these occur twice: {', '.join(twice[:5])}"
        )
    return fill
