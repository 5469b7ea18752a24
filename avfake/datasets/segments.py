"""Forged stretches of a clip: from what a table says of them, and to text and back."""

from collections.abc import Iterator
from typing import Any

from avfake.datasets.expressions import ExpressionError, Scope
from avfake.datasets.rows import STREAMS
from avfake.datasets.spec import Segments
from avfake.datasets.values import as_text
from avfake.labels import ForgedSegment

SECONDS = {"s": 1.0, "ms": 1e-3}
"""Unit of a table -> its length."""


def segments_of(described: tuple[Segments, ...], scope: Scope) -> tuple[ForgedSegment, ...]:
    """The forged stretches of one row, sorted. Raises ExpressionError."""
    found = []
    for rule in described:
        if rule.only_if is not None and as_text(rule.only_if.evaluate(scope)) != "true":
            continue
        length = SECONDS[rule.unit]
        for start, end in _pairs(rule, rule.source.evaluate(scope)):
            found.append(_segment(start, end, rule.stream, length))
    return tuple(sorted(found))


def _pairs(rule: Segments, value: Any) -> Iterator[tuple[Any, Any]]:
    if value is None:
        return
    if rule.pattern is not None:
        for match in rule.pattern.finditer(as_text(value) or ""):
            if all(match[name] == wanted for name, wanted in rule.where.items()):
                yield match["s"], match["e"]
        return
    if not isinstance(value, list) or any(not _is_pair(item) for item in value):
        raise ExpressionError(f"segments must be a list of [start, end], got {value!r}")
    yield from value


def _is_pair(item: Any) -> bool:
    return isinstance(item, list) and len(item) == 2


def _segment(start: Any, end: Any, stream: str, length: float = 1.0) -> ForgedSegment:
    try:
        first, last = float(start) * length, float(end) * length
    except (TypeError, ValueError):
        raise ExpressionError(f"a segment has two times, got {start!r} and {end!r}") from None
    if not 0 <= first <= last or last == float("inf"):
        raise ExpressionError(f"a segment from {start} to {end} cannot be")
    if stream not in STREAMS:
        raise ExpressionError(f"{stream!r} is no stream; allowed: {', '.join(STREAMS)}")
    return ForgedSegment(first, last, stream)


def segments_as_text(segments: tuple[ForgedSegment, ...]) -> str:
    """`1.2:1.9:face 3.0:4.0:voice`."""
    return " ".join(f"{start}:{end}:{stream}" for start, end, stream in segments)


def segments_from_text(text: str) -> tuple[ForgedSegment, ...]:
    """The stretches that `segments_as_text` wrote. Raises ExpressionError."""
    found = []
    for piece in text.split():
        pieces = piece.split(":")
        if len(pieces) != 3:
            raise ExpressionError(f"{piece!r} is no segment; write start:end:stream, in seconds")
        start, end, stream = pieces
        found.append(_segment(start, end, stream))
    return tuple(found)
