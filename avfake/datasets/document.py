"""A YAML file as plain values with their lines, and its mappings, read key by key.

Wrong types and unknown keys are errors that name the line.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml

from avfake.datasets.expressions import Expression, parse
from avfake.datasets.values import DataValueError, as_text
from avfake.errors import SpecError, nearest

Where = tuple[str, ...]
"""Keys (and list positions, as text) from the top of the file down to a value."""


@dataclass
class Document:
    """Values of one YAML file, with the line of each."""

    source: str
    """What to call the file in messages."""
    values: dict[str, Any]
    lines: dict[Where, int] = field(default_factory=dict)
    params: dict[str, str] = field(default_factory=dict)
    """The user's choices, once they are read; globs and patterns are filled with them."""
    tables: dict[str, Any] = field(default_factory=dict)
    """The tables, once they are read; expressions may refer to their columns."""
    media: tuple[str, ...] = ()
    """Ids of the media rules, once they are read."""
    names: set[str] = field(default_factory=set)
    """Other names that expressions may refer to, as far as they are read."""

    @classmethod
    def parse(cls, text: str, source: str) -> "Document":
        try:
            loader = yaml.SafeLoader(text)
            node = loader.get_single_node()
            document = cls(source, {})
            if not isinstance(node, yaml.MappingNode):
                document.fail((), "a data spec is a mapping of keys, this is not")
            document.values = _Reader(document, loader).read(node, ())
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = f":{mark.line + 1}" if mark else ""
            raise SpecError(f"{source}{line}: not valid YAML ({error.problem})") from error
        except (yaml.YAMLError, ValueError, OverflowError) as error:  # a date that is none
            raise SpecError(f"{source}: not valid YAML ({error})") from error
        except RecursionError as error:
            raise SpecError(f"{source}: the YAML is nested too deeply") from error
        return document

    def fail(self, where: Where, message: str) -> NoReturn:
        """Raise SpecError that names the file, the line and the key."""
        known = next((where[:n] for n in range(len(where), 0, -1) if where[:n] in self.lines), ())
        line = f":{self.lines[known]}" if known else ""
        key = f"{'.'.join(where)}: " if where else ""
        raise SpecError(f"{self.source}{line}: {key}{message}")

    def check_names(self, where: Where, *expressions: Expression | None) -> None:
        """Raise SpecError for a name that no capture, constant, parameter or table could give."""
        for name in (name for e in expressions if e is not None for name in e.references):
            if name not in self.names and name.partition(".")[0] not in self.tables:
                hint = nearest(name, {*self.names, *self.tables})
                self.fail(
                    where,
                    f"{{{name}}} is unknown{hint}; there are: {', '.join(sorted(self.names))}, "
                    f"and columns of tables ({', '.join(self.tables) or 'none'})",
                )

    def override(self, dotted: str, text: str) -> None:
        """Set one leaf, as `--set params.quality=c40` does.

        A parameter takes the text as it stands; elsewhere `true`, `null`, `3` and `[a, b]` are
        read as YAML would.
        """
        *parents, last = where = tuple(dotted.split("."))
        parent: Any = self.values
        for depth, key in enumerate(parents):
            parent = self._step(parent, key, where[: depth + 1])
        if where[0] == "params" and len(where) == 2:
            entry = self._step(parent, last, where)
            if isinstance(entry, dict):
                parent, last = entry, "default"
            parent[last] = text
        elif isinstance(parent, list):
            self._step(parent, last, where)
            parent[int(last)] = _value_of(text)
        elif isinstance(parent, dict):
            parent[last] = _value_of(text)
        else:
            self.fail(where, "cannot be overridden: there is nothing below a plain value")

    def _step(self, parent: Any, key: str, where: Where) -> Any:
        if isinstance(parent, dict) and key in parent:
            return parent[key]
        if isinstance(parent, list) and key.isdecimal() and int(key) < len(parent):
            return parent[int(key)]
        known = [str(k) for k in (parent if isinstance(parent, dict) else range(len(parent or ())))]
        hint, there = nearest(key, known), ", ".join(known) or "none"
        return self.fail(where, f"the spec has no {key!r} to override{hint}; there are: {there}")


class _Reader:
    """A reader of YAML nodes. Keys stay the text that was written: `no`, `071` and `0`."""

    def __init__(self, document: Document, loader: yaml.SafeLoader) -> None:
        self.document, self.loader = document, loader
        self.seen: set[int] = set()

    def read(self, node: yaml.Node, where: Where) -> Any:
        self.document.lines.setdefault(where, node.start_mark.line + 1)
        if id(node) in self.seen:
            self.document.fail(where, "anchors and aliases have no place in a data spec")
        self.seen.add(id(node))
        if not node.tag.startswith("tag:yaml.org,2002:") or "python/" in node.tag:
            self.document.fail(where, f"the tag {node.tag} has no place in a data spec")
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, where)
        if isinstance(node, yaml.SequenceNode):
            return [self.read(item, (*where, str(n))) for n, item in enumerate(node.value)]
        return self.loader.construct_object(node)

    def _mapping(self, node: yaml.MappingNode, where: Where) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for key, value in node.value:
            below = (*where, str(key.value))
            self.document.lines[below] = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                self.document.fail(where, "a key must be plain text")
            if key.value in values:
                self.document.fail(below, "is there twice")
            values[key.value] = self.read(value, below)
        return values


def _value_of(text: str) -> Any:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    # "{meta.split}" is a template, though YAML takes it for a mapping with an empty value.
    is_template = isinstance(value, dict) and None in value.values()
    return text if is_template or isinstance(value, str) else value


class Section:
    """A mapping of a spec: gives its values by key and at the end refuses keys never asked for."""

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
        """Return a plain value as text."""
        value = as_text(self.raw(key, default))
        if value is None or isinstance(self.raw(key), dict | list):
            self.fail(f"needs a plain {key!r}, got {self.raw(key)!r}", key)
        return value

    def optional_text(self, key: str) -> str | None:
        return self.text(key) if self.has(key) else None

    def texts(self, key: str) -> tuple[str, ...]:
        """Return one plain value, or a list of them, as texts."""
        value = self.raw(key, [])
        items = value if isinstance(value, list) else [value]
        if any(not isinstance(item, str | int | float) for item in items):
            self.fail(f"must be a text or a list of texts, got {value!r}", key)
        return tuple(as_text(item) or "" for item in items)

    def filled(self, text: str, *, quote: bool = False) -> str:
        """Replace `{param}` and `{params.param}` in a text; other braces stay."""
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

    def expression(self, key: str) -> Expression:
        return self._parsed(self.raw(key), key)

    def optional_expression(self, key: str) -> Expression | None:
        return self.expression(key) if self.has(key) else None

    def expressions(self, key: str) -> tuple[Expression, ...]:
        """Return one expression, or a list of them."""
        value = self.raw(key)
        items = value if isinstance(value, list) else [] if value is None else [value]
        return tuple(self._parsed(item, key) for item in items)

    def _parsed(self, value: Any, key: str) -> Expression:
        try:
            return parse(value, frozenset(self.document.tables))
        except DataValueError as error:
            self.fail(str(error), key)

    def section(self, key: str) -> "Section":
        return Section(self.document, (*self.where, key), self.raw(key, {}))

    def sections(self, key: str) -> list["Section"]:
        """Return a list of mappings; one mapping counts as a list of one."""
        value = self.raw(key, [])
        if isinstance(value, dict):
            return [self.section(key)]
        if not isinstance(value, list):
            self.fail(f"must be a list, got {value!r}", key)
        return [
            Section(self.document, (*self.where, key, str(n)), item) for n, item in enumerate(value)
        ]

    def check_known(self, key: str, names: Iterable[str], known: Iterable[str]) -> None:
        """Raise SpecError if one of the names is none of those known."""
        known = list(known)
        for name in names:
            if name not in known:
                hint, there = nearest(name, known), ", ".join(known)
                self.fail(f"{name!r} is unknown{hint}; there are: {there}", key or name)

    def close(self) -> None:
        """Refuse keys that were never asked for."""
        for key in self.values:
            if key not in self.asked:
                hint = nearest(key, self.asked)
                known = ", ".join(sorted(self.asked))
                self.fail(f"this key is unknown{hint}; allowed: {known}", key)
