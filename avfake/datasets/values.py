"""Values of tables: as text, filtered, and as labels.

Labels are True = fake, False = genuine, None = unknown.
"""

import csv
import io
import math
import posixpath
from collections.abc import Callable, Iterator
from typing import Any

BLANK_WORDS = frozenset(
    ("nan", "-nan", "na", "n/a", "#na", "#n/a", "<na>", "nat", "none", "null", "nil")
    + ("unknown", "missing", "-1", "-1.0", "-", "--", "?")
)
"""What programs and people write into a cell that names nothing, in small letters."""
LABEL_WORDS: dict[str | None, bool | None] = {
    "REAL": False,
    "FAKE": True,
    "false": False,
    "true": True,
    "unknown": None,
    None: None,
}
ABSENT = "absent"
"""The word for a stream that does not exist."""


class DataValueError(ValueError):
    """A value or an expression that is not allowed; the caller adds the file and the line."""


def as_text(value: Any) -> str | None:
    """Return a value as `map` and templates compare it: None for null, an empty text and NaN.

    A whole number is written without decimals: JSON by pandas has 1.0 for 1 where rows are missing.
    """
    if type(value) is str:  # the common case, and the fastest test of it
        return value or None
    if value is None:
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        if not math.isfinite(value):
            return None
        return str(int(value)) if value.is_integer() else str(value)
    return str(value)


def is_blank(value: Any) -> bool:
    """Return whether a value stands for "no name" in a table: null, NaN, "NA", -1, []."""
    if isinstance(value, bool | list | dict):
        return not value
    text = as_text(value)
    return text is None or not text.strip() or text.strip().lower() in BLANK_WORDS


def csv_lines(
    file: object, text: str, error_of: type[Exception], **dialect: Any
) -> Iterator[tuple[list[str], str]]:
    """Yield the cells of each row and where it is; `error_of` is raised for a broken table."""
    reader = csv.reader(io.StringIO(text, newline=""), **dialect)
    try:
        for cells in reader:
            yield cells, f"{file}, line {reader.line_num}"
    except csv.Error as error:
        raise error_of(f"{file}, line {reader.line_num}: not valid CSV ({error})") from error


def folder_of(path: str) -> str:
    """Return the folder of a posix path; `.` at the root."""
    return posixpath.dirname(path) or "."


def _item(pieces: list[str], position: str) -> str | None:
    try:
        return pieces[int(position)]
    except IndexError:
        return None
    except ValueError:
        raise DataValueError(f"position {position!r} is not a whole number") from None


def _number(text: str, kind: type) -> Any:
    try:
        return kind(text)
    except ValueError:
        raise DataValueError(f"{text!r} is not a number ({kind.__name__})") from None


FILTERS: dict[str, tuple[Callable[..., Any], int]] = {
    "after": (lambda text, mark: text.partition(mark)[2] if mark in text else text, 1),
    "before": (lambda text, mark: text.partition(mark)[0], 1),
    "word": (lambda text, position: _item(text.split(), position), 1),
    "part": (lambda text, mark, position: _item(text.split(mark), position), 2),
    "name": (posixpath.basename, 0),
    "stem": (lambda text: posixpath.splitext(posixpath.basename(text))[0], 0),
    "dir": (folder_of, 0),
    "lower": (str.lower, 0),
    "zfill": (lambda text, width: text.zfill(_number(width, int)), 1),
    "strip": (str.removeprefix, 1),
    "int": (lambda text: _number(text, int), 0),
    "float": (lambda text: _number(text, float), 0),
}
"""Name -> function and number of its arguments, for `{name|filter:argument}`.

`after` and `before` leave a text without the mark as it is; `word` and `part` give null where there
are too few; `strip` removes a prefix."""


def settle_labels(values: dict[str, Any], *, kind: str) -> dict[str, Any]:
    """Return the labels of a file by column of `Row`, with what follows from those given.

    A genuine file has no forged part; a file with a forged part is a fake; where only one stream
    exists, the label is that stream's. `kind`: video, audio or picture. Raises DataValueError.
    """
    given = values.get
    has_video = kind != "audio" and given("face_fake") != ABSENT
    has_video = has_video and _label("has_video", given("has_video")) is not False
    has_audio = _label("has_audio", given("has_audio"))
    if given("voice_fake") == ABSENT or kind == "picture":
        has_audio = False
    elif kind == "audio":
        has_audio = True
    if not has_video and has_audio is False:
        raise DataValueError("has neither picture nor sound, so there is nothing to label")
    there = {"face_fake": has_video, "voice_fake": has_audio is not False}
    parts = {name: _label(name, given(name)) for name, is_there in there.items() if is_there}
    label = _overall(_label("label", given("label")), parts)
    if label is False or len(parts) == 1:
        parts = {name: label if value is None else value for name, value in parts.items()}
    return {"label": label, "has_video": has_video, "has_audio": has_audio} | parts


def _overall(label: bool | None, parts: dict[str, bool | None]) -> bool | None:
    forged = [name for name, value in parts.items() if value]
    if forged:
        if label is False:
            raise DataValueError(f"label is REAL, but {' and '.join(forged)} is true")
        return True
    if all(value is False for value in parts.values()):
        if label:
            raise DataValueError(
                "label is FAKE, but no part of it is: face_fake, voice_fake are false"
            )
        return False
    return label


def _label(field: str, value: Any) -> bool | None:
    text = as_text(value)
    if text not in LABEL_WORDS:
        words = "REAL, FAKE" if field == "label" else "true, false"
        gone = "" if field == "label" else ", absent"
        raise DataValueError(f"{field} is {text!r}; allowed: {words}, unknown{gone}")
    return LABEL_WORDS[text]
