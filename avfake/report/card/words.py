"""How a card writes numbers and lists."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from avfake.evaluation import Interval, as_text

NOT_MEASURED, NOT_STATED = "not measured", "not stated"


def percent(one: Interval | Mapping[Any, Any]) -> str:
    """A share with its interval: "3.7 % [1.2, 8.0]"."""
    low, high, value = (100 * bound for bound in _bounds(one))
    return NOT_MEASURED if pd.isna(value) else f"{value:.1f} % [{low:.1f}, {high:.1f}]"


def interval(one: Interval | Mapping[Any, Any]) -> str:
    """A metric with its interval; "-" where a class was missing."""
    low, high, value = _bounds(one)
    return str(Interval(value, low, high))


def counted(count: int, noun: str) -> str:
    """ "1 clip", "2 clips"."""
    return f"{count} {noun}" + "s" * (count != 1)


def listed(names: Iterable[object]) -> str:
    """Names as text, with commas; "none" without any."""
    return ", ".join(map(as_text, names)) or "none"


def bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _bounds(one: Interval | Mapping[Any, Any]) -> tuple[float, float, float]:
    if isinstance(one, Interval):
        return one.low, one.high, one.value
    return float(one["low"]), float(one["high"]), float(one["value"])
