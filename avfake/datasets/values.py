"""Values of tables as texts, and what programs write where there is none."""

import math
from typing import Any

BLANK_WORDS = frozenset(
    ("nan", "-nan", "na", "n/a", "#na", "#n/a", "<na>", "nat", "none", "null", "nil")
    + ("unknown", "missing", "-1", "-1.0", "-", "--", "?")
)
"""What programs and people write into a cell that names nothing, in small letters."""


def as_text(value: Any) -> str | None:
    """The value as `map` and templates compare it; null for null, for an empty text and for NaN.

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
    """Whether a table says with this value that there is no name: null, NaN, "NA", -1, []."""
    if isinstance(value, bool | list | dict):
        return not value
    text = as_text(value)
    return text is None or not text.strip() or text.strip().lower() in BLANK_WORDS
