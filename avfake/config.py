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


def fingerprint(settings: Mapping[str, Any]) -> str:
    """Return 12 hexadecimal digits of the SHA-256 of the settings."""
    text = json.dumps(settings, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def nearest(name: str, known: typing.Iterable[str]) -> str:
    """Return " (did you mean ...?)" for a misspelt name; empty when no known name is near."""
    near = [repr(one) for one in difflib.get_close_matches(name, list(known), n=3)]
    return f" (did you mean {' or '.join(near)}?)" if near else ""


def _value(hint: Any, value: Any) -> Any:
    if isinstance(hint, types.UnionType):
        return None if value is None else _value(_first_type(hint), value)
    if dataclasses.is_dataclass(hint):
        return from_dict(typing.cast(type, hint), value)
    if typing.get_origin(hint) is tuple:
        return tuple(value)
    if typing.get_origin(hint) is dict:
        _, inner = typing.get_args(hint)
        return {key: _value(inner, one) for key, one in value.items()}
    return value


def _first_type(union: types.UnionType) -> Any:
    return next(t for t in typing.get_args(union) if t is not type(None))
