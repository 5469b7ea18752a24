"""What a verb answers, as text for people or as one JSON document for programs."""

import json
import math
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any


def print_json(answer: object) -> None:
    """Print a JSON document on one line of standard output."""
    print(json.dumps(plain(answer), ensure_ascii=False, allow_nan=False), flush=True)


def plain(value: Any) -> Any:
    """Return a value as JSON knows it: dataclasses as objects, tables as lists of rows, numbers
    that are none (NaN, infinite) as null, and anything unknown as its text."""
    if value is None or isinstance(value, bool | int | str):
        return value.item() if hasattr(value, "item") else value
    if hasattr(value, "to_dict") and hasattr(value, "columns"):  # of pandas, not imported for it
        return plain(value.to_dict("records"))
    if hasattr(value, "item"):  # a number of numpy
        return plain(value.item())
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in fields(value)}
    if isinstance(value, Mapping):
        return {str(key): plain(one) for key, one in value.items()}
    if isinstance(value, tuple | list | set | frozenset):
        return [plain(one) for one in value]
    return str(value)


def print_answer(text: object, facts: Mapping[str, object], *, as_json: bool) -> None:
    """Print the text for people, or the facts for programs."""
    if as_json:
        print_json(facts)
    else:
        print(text)


def names_of(path: object) -> str | None:
    """Return a path as text, None where there is none."""
    return None if path is None else str(path if isinstance(path, Path | str) else path)
