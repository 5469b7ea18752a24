"""Splits by part of a dataset, written as text: `"0-40"`, `"3, 7-9, train_sample_videos"`."""

import re
from collections.abc import Callable, Mapping

from avfake.errors import ConfigError


def part_ranges(parts: Mapping[str, str]) -> Callable[[str | None], str | None]:
    """A function from a part to its split; None where no split takes it. Raises ConfigError."""
    if not parts:
        raise ConfigError('parts needs at least one split, such as {"train": "0-40"}')
    sides: dict[str, str] = {}
    for side, text in parts.items():
        for part in _listed(text):
            if sides.setdefault(part, side) != side:
                raise ConfigError(f"part {part} is in two splits, {sides[part]} and {side}")
    return lambda part: sides.get(_plain(part or ""))


def _listed(text: str) -> list[str]:
    listed = []
    for piece in filter(None, (piece.strip() for piece in str(text).split(","))):
        bounds = re.fullmatch(r"(\d+)\s*-\s*(\d+)", piece)
        if not bounds:
            listed.append(_plain(piece))
            continue
        first, last = int(bounds[1]), int(bounds[2])
        if first > last or last - first > 1_000_000:
            raise ConfigError(f"parts {piece!r} run from {first} to {last}; write the lower first")
        listed += map(str, range(first, last + 1))
    if not listed:
        raise ConfigError(f'parts are a text such as "0-40" or "3, 7-9", got {text!r}')
    return listed


def _plain(part: str) -> str:
    """`07` and `7` are one part."""
    return str(int(part)) if part.isdecimal() else part
