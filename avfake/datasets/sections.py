"""One mapping of a spec, read key by key: wrong types and unknown keys are errors with a line."""

import re
from collections.abc import Callable
from typing import Any, NoReturn, TypeVar

from avfake.config import nearest
from avfake.datasets.document import Document, Where
from avfake.datasets.expressions import Expression, ExpressionError, parse
from avfake.datasets.values import as_text

T = TypeVar("T")


class Section:
    """Hands out the values of one mapping and, at the end, refuses what nobody asked for."""

    def __init__(self, document: Document, where: Where, values: Any) -> None:
        self.document, self.where = document, where
        if not isinstance(values, dict):
            self.fail(f"must be a mapping of keys, got {values!r}")
        self.values: dict[str, Any] = values
        self.asked: set[str] = set()

    def fail(self, message: str, *keys: str) -> NoReturn:
        self.document.fail((*self.where, *keys), message)

    def has(self, key: str) -> bool:
        self.asked.add(key)
        return key in self.values

    def raw(self, key: str, default: Any = None) -> Any:
        self.asked.add(key)
        return self.values.get(key, default)

    def text(self, key: str, default: str | None = None) -> str:
        """A plain value as text."""
        value = as_text(self.raw(key, default))
        if value is None or isinstance(self.raw(key), dict | list):
            self.fail(f"needs a plain {key!r}, got {self.raw(key)!r}", key)
        return value

    def texts(self, key: str) -> tuple[str, ...]:
        """One plain value or a list of them."""
        value = self.raw(key, [])
        items = value if isinstance(value, list) else [value]
        if any(not isinstance(item, str | int | float) for item in items):
            self.fail(f"must be a text or a list of texts, got {value!r}", key)
        return tuple(as_text(item) or "" for item in items)

    def filled(self, text: str, *, quote: bool = False) -> str:
        """The text with `{param}` and `{params.param}` replaced; other braces stay."""
        for name, value in self.document.params.items():
            plain = re.escape(value) if quote else value
            text = text.replace(f"{{{name}}}", plain).replace(f"{{params.{name}}}", plain)
        return text

    def globs(self, key: str) -> tuple[str, ...]:
        return tuple(self.filled(glob) for glob in self.texts(key))

    def regex(self, key: str) -> re.Pattern[str] | None:
        if not self.has(key):
            return None
        try:
            return re.compile(self.filled(self.text(key), quote=True))
        except re.error as error:
            self.fail(f"is not a valid regular expression ({error})", key)

    def flag(self, key: str, default: bool = False) -> bool:
        value = self.raw(key, default)
        if not isinstance(value, bool):
            self.fail(f"must be true or false, got {value!r}", key)
        return value

    def choice(self, key: str, choices: tuple[str, ...], default: str | None = None) -> str:
        value = self.text(key, default)
        if value not in choices:
            hint = nearest(value, choices)
            self.fail(f"is {value!r}{hint}; allowed: {', '.join(choices)}", key)
        return value

    def expression(self, key: str, tables: frozenset[str] = frozenset()) -> Expression:
        return self.parse(self.raw(key), tables, key)

    def expressions(self, key: str, tables: frozenset[str]) -> tuple[Expression, ...]:
        """One expression or a list of them."""
        value = self.raw(key)
        items = value if isinstance(value, list) else [] if value is None else [value]
        return tuple(self.parse(item, tables, key) for item in items)

    def parse(self, value: Any, tables: frozenset[str], *keys: str) -> Expression:
        try:
            return parse(value, tables)
        except ExpressionError as error:
            self.fail(str(error), *keys)

    def section(self, key: str) -> "Section":
        return Section(self.document, (*self.where, key), self.raw(key, {}))

    def sections(self, key: str) -> list["Section"]:
        """A list of mappings; one mapping counts as a list of one."""
        value = self.raw(key, [])
        if isinstance(value, dict):
            return [self.section(key)]
        if not isinstance(value, list):
            self.fail(f"must be a list, got {value!r}", key)
        return [
            Section(self.document, (*self.where, key, str(n)), item) for n, item in enumerate(value)
        ]

    def named(self, key: str, read: Callable[[str, "Section"], T]) -> dict[str, T]:
        """A mapping of names to mappings, each read by `read`."""
        below = self.section(key)
        return {name: read(name, below.section(name)) for name in below.values}

    def close(self) -> None:
        """Refuses keys that nobody asked for."""
        for key in self.values:
            if key not in self.asked:
                hint = nearest(key, self.asked)
                known = ", ".join(sorted(self.asked))
                self.fail(f"this key is unknown{hint}; allowed: {known}", key)


def read_params(section: Section) -> dict[str, str]:
    """The user's choices as text: `name: default`, or `name: {default, values, about}`."""
    params = {}
    for name, value in section.values.items():
        if not isinstance(value, dict):
            params[name] = as_text(value) or ""
            continue
        entry = section.section(name)
        params[name] = as_text(entry.raw("default")) or ""
        allowed = entry.texts("values")
        if allowed and params[name] not in allowed:
            entry.fail(f"{params[name]!r} is not allowed; allowed: {', '.join(allowed)}")
        entry.raw("about")
        entry.close()
    return params
