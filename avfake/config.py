"""Conversion of frozen dataclasses to plain dictionaries and back, and a hash of them.

Every config of avfake is a frozen dataclass in the file that reads it; all of them are saved with a
run or a bundle, and read again, by these functions.
"""

import dataclasses
import difflib
import hashlib
import json
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from avfake.errors import ConfigError

Config = TypeVar("Config")


def to_dict(config: Any) -> dict[str, Any]:
    """Return the settings as nested dictionaries of JSON types."""
    plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(config)))
    return plain


def from_dict(cls: type[Config], settings: Mapping[str, Any]) -> Config:
    """Return the dataclass `cls` that `to_dict` was given; ConfigError for an unknown key."""
    known = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for key in settings:
        if key not in known:
            raise ConfigError(
                f"{cls.__name__} has no setting {key!r}{nearest(key, known)}; "
                f"allowed: {', '.join(sorted(known))}"
            )
    hints = typing.get_type_hints(cls)
    return cls(**{key: _value(hints[key], value) for key, value in settings.items()})


def change(config: Config, changes: Mapping[str, Any]) -> Config:
    """Return the settings with changes, each under its dotted name, such as "fit.epochs"."""
    grouped: dict[str, dict[str, Any]] = {}
    for path, value in changes.items():
        name, _, rest = path.partition(".")
        grouped.setdefault(name, {})[rest] = value
    values = {
        name: inner[""] if "" in inner else change(getattr(config, name), inner)
        for name, inner in grouped.items()
    }
    return dataclasses.replace(config, **values)  # type: ignore[type-var]


def fingerprint(settings: Mapping[str, Any]) -> str:
    """Return 12 hexadecimal digits of the SHA-256 of the settings."""
    text = json.dumps(settings, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def nearest(name: str, known: typing.Iterable[str]) -> str:
    """Return " (did you mean ...?)" for a misspelt name; empty when no known name is near."""
    near = [repr(one) for one in difflib.get_close_matches(name, list(known), n=3)]
    return f" (did you mean {' or '.join(near)}?)" if near else ""


def check_choice(name: str, found: str, allowed: typing.Collection[str]) -> None:
    """Raise ConfigError, with the nearest names, unless `found` is among the allowed ones."""
    if found not in allowed:
        raise ConfigError(
            f"{name} must be one of {', '.join(allowed)}, got {found!r}{nearest(found, allowed)}"
        )


def check_ranges(config: Any, prefix: str, **intervals: str) -> None:
    """Raise ConfigError unless the fields of a config lie in their intervals.

    intervals: field name -> its interval in the usual notation, such as "[0, 1)" or "(0, inf)"
    """
    for name, interval in intervals.items():
        value = getattr(config, name)
        low, high = (float(bound) for bound in interval[1:-1].split(","))
        is_above = value > low if interval.startswith("(") else value >= low
        is_below = value < high if interval.endswith(")") else value <= high
        if not (is_above and is_below):
            allowed = f"in {interval}"
            if high == float("inf"):
                allowed = f"{low:g} or more" if interval.startswith("[") else f"above {low:g}"
            raise ConfigError(f"{prefix}.{name} must be {allowed}, got {value:g}")


def _value(hint: Any, value: Any) -> Any:
    if isinstance(hint, types.UnionType):
        inner = next(one for one in typing.get_args(hint) if one is not type(None))
        return None if value is None else _value(inner, value)
    if dataclasses.is_dataclass(hint):
        return from_dict(typing.cast(type, hint), value)
    if typing.get_origin(hint) is tuple:
        return tuple(_value(typing.get_args(hint)[0], one) for one in value)
    if typing.get_origin(hint) in (Mapping, dict):
        return {key: _value(typing.get_args(hint)[1], one) for key, one in value.items()}
    return value
