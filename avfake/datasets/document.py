"""A YAML file as plain values that remember their lines, so that an error can point at one."""

from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml

from avfake.config import nearest
from avfake.errors import SpecError

Where = tuple[str, ...]
"""Keys (and list positions, as text) from the top of the file down to a value."""


@dataclass
class Document:
    """Values of one YAML file, with the line of each."""

    source: str
    """What to call the file in messages."""
    values: dict[str, Any]
    lines: dict[Where, int]
    params: dict[str, str] = field(default_factory=dict)
    """The user's choices, once they are read; globs and patterns are filled with them."""

    @classmethod
    def parse(cls, text: str, source: str) -> "Document":
        loader = yaml.SafeLoader(text)
        try:
            node = loader.get_single_node()
            document = cls(source, {}, {})
            if not isinstance(node, yaml.MappingNode):
                document.fail((), "a data spec is a mapping of keys, this is not")
            document.values = _Reader(document, loader).read(node, ())
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            line = f":{mark.line + 1}" if mark else ""
            raise SpecError(f"{source}{line}: not valid YAML ({error.problem})") from error
        except yaml.YAMLError as error:
            raise SpecError(f"{source}: not valid YAML ({error})") from error
        finally:
            loader.dispose()
        return document

    def fail(self, where: Where, message: str) -> NoReturn:
        """Raises SpecError that names the file, the line and the key."""
        known = next((where[:n] for n in range(len(where), 0, -1) if where[:n] in self.lines), ())
        line = f":{self.lines[known]}" if known else ""
        key = f"{'.'.join(where)}: " if where else ""
        raise SpecError(f"{self.source}{line}: {key}{message}")

    def override(self, dotted: str, text: str) -> None:
        """Sets one leaf, as `--set params.quality=c40` does.

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
    """Nodes to values. Keys stay the text that was written: `no`, `071` and `0` are themselves."""

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
