"""What `{name|filter:argument}` can do to a text."""

import posixpath
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


class FilterError(ValueError):
    """The text is not what the filter needs."""


@dataclass(frozen=True)
class Filter:
    apply: Callable[..., Any]
    num_arguments: int = 0


def folder_of(path: str) -> str:
    """The folder of a posix path; `.` at the root."""
    return posixpath.dirname(path) or "."


def _after(text: str, mark: str) -> str:
    before, found, rest = text.partition(mark)
    return rest if found else before


def _item(pieces: list[str], position: str) -> str | None:
    try:
        return pieces[int(position)]
    except IndexError:
        return None
    except ValueError:
        raise FilterError(f"position {position!r} is not a whole number") from None


def _number(text: str, kind: type) -> Any:
    try:
        return kind(text)
    except ValueError:
        raise FilterError(f"{text!r} is not a number ({kind.__name__})") from None


FILTERS = {
    "after": Filter(_after, 1),
    "before": Filter(lambda text, mark: text.partition(mark)[0], 1),
    "word": Filter(lambda text, position: _item(text.split(), position), 1),
    "part": Filter(lambda text, mark, position: _item(text.split(mark), position), 2),
    "name": Filter(posixpath.basename),
    "stem": Filter(lambda text: posixpath.splitext(posixpath.basename(text))[0]),
    "dir": Filter(folder_of),
    "lower": Filter(str.lower),
    "zfill": Filter(lambda text, width: text.zfill(_number(width, int)), 1),
    "strip": Filter(str.removeprefix, 1),
    "int": Filter(lambda text: _number(text, int)),
    "float": Filter(lambda text: _number(text, float)),
}
"""`after` and `before` leave a text without the mark whole; `word` and `part` give null where
there are too few; `strip` takes a prefix away."""
