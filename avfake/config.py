"""Conversion of frozen dataclasses to plain dictionaries and back, and a hash of them.

Every config of avfake is a frozen dataclass in the file that reads it; all of them are saved with a
run or a bundle, and read again, by these functions.
"""

import dataclasses
import hashlib
import json
import types
import typing
from collections.abc import Mapping
from typing import Any, TypeVar

from avfake.errors import ConfigError, nearest

Config = TypeVar("Config")
WRONG = (TypeError, ValueError, AttributeError, KeyError, IndexError, OverflowError)
"""Exceptions of code that gets values of another type than it was written for."""
SCALARS: dict[type, tuple[type, ...]] = {
    bool: (bool,),
    int: (int,),
    float: (float, int),
    str: (str,),
}
"""Type of a setting -> types of the values it may be read from."""


def to_dict(config: Any) -> dict[str, Any]:
    """Return the settings as nested dictionaries of JSON types."""
    plain: dict[str, Any] = json.loads(json.dumps(dataclasses.asdict(config)))
    return plain


def from_dict(cls: type[Config], settings: Mapping[str, Any]) -> Config:
    """Return the dataclass `cls` that `to_dict` was given; ConfigError for anything else."""
    if not isinstance(settings, Mapping):
        raise ConfigError(f"{cls.__name__} must be a mapping of settings, got {settings!r:.80}")
    known = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    for key in settings:
        if key not in known:
            raise ConfigError(
                f"{cls.__name__} has no setting {key!r}{nearest(key, known)}; "
                f"allowed: {', '.join(sorted(known))}"
            )
    hints = typing.get_type_hints(cls)
    try:
        return cls(**{key: _value(hints[key], value) for key, value in settings.items()})
    except WRONG as error:
        raise ConfigError(f"{cls.__name__} cannot have these settings: {error}") from error


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


def _value(hint: Any, value: Any) -> Any:
    if isinstance(hint, types.UnionType):
        inner, *others = (one for one in typing.get_args(hint) if one is not type(None))
        if value is None or others:
            return value if others else None
        return _value(inner, value)
    if hint in SCALARS:
        is_bool_for_number = isinstance(value, bool) and hint is not bool
        if is_bool_for_number or not isinstance(value, SCALARS[hint]):
            raise TypeError(f"{value!r:.80} where {hint.__name__} is expected")
        return value
    if dataclasses.is_dataclass(hint):
        return from_dict(typing.cast(type, hint), value)
    if typing.get_origin(hint) is tuple:
        return tuple(_value(typing.get_args(hint)[0], one) for one in value)
    if typing.get_origin(hint) in (Mapping, dict):
        return {key: _value(typing.get_args(hint)[1], one) for key, one in value.items()}
    return value
