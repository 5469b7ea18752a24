"""The small language of data specs: parsed once, evaluated for each row.

"text {name} {table.column|filter:argument}"    template; an empty part makes the whole null,
                                                a lone {name} keeps its type
{of: EXPR, map: {in: EXPR}, else: EXPR, strict: true}     look-up
{first: [EXPR, ...]}                            first that is not null
{all: [EXPR, ...]}, {any: [EXPR, ...]}          three-valued and / or
{row: "path", required: true, anywhere: true, data: spec} link to another row
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from avfake.config import nearest
from avfake.datasets.filters import FILTERS, FilterError
from avfake.datasets.values import as_text, is_blank

PLACE = re.compile(r"\{([^{}]*)\}")


class ExpressionError(ValueError):
    """Cannot be parsed or evaluated; the caller knows the file and the line and adds them."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What an expression can see of one row."""

    names: Mapping[str, Any]
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Table -> the joined record; a table without a record for this row is not here."""
    is_naming: bool = False
    """Whether the expression names another row or what rows share: a blank in a table is null."""


class Expression(Protocol):
    def evaluate(self, scope: Scope) -> Any: ...

    def references(self) -> Iterator[str]:
        """The names it asks for, `table.column` included."""
        ...


@dataclass(frozen=True, slots=True)
class Constant:
    value: Any

    def evaluate(self, scope: Scope) -> Any:  # noqa: ARG002
        return self.value

    def references(self) -> Iterator[str]:
        return iter(())


@dataclass(frozen=True, slots=True)
class Reference:
    """One `{table.column|filter:argument}`."""

    table: str | None
    name: str
    filters: tuple[tuple[str, tuple[str, ...]], ...]

    def evaluate(self, scope: Scope) -> Any:
        names = scope.names if self.table is None else scope.tables.get(self.table)
        value = None if names is None else names.get(self.name)
        if scope.is_naming and self.table is not None and is_blank(value):
            return None
        if value is None or not self.filters:
            return None if value == "" else value
        for word, arguments in self.filters:
            text = as_text(value)
            if text is None:
                return None
            try:
                value = FILTERS[word].apply(text, *arguments)
            except FilterError as error:
                raise ExpressionError(f"{self.name}: {error}") from error
        return None if value == "" else value

    def references(self) -> Iterator[str]:
        yield self.name if self.table is None else f"{self.table}.{self.name}"


@dataclass(frozen=True, slots=True)
class Template:
    parts: tuple[str | Reference, ...]

    def evaluate(self, scope: Scope) -> str | None:
        texts = []
        for part in self.parts:
            text = part if isinstance(part, str) else as_text(part.evaluate(scope))
            if text is None:
                return None
            texts.append(text)
        return tidy("".join(texts))

    def references(self) -> Iterator[str]:
        for part in self.parts:
            if isinstance(part, Reference):
                yield from part.references()


@dataclass(frozen=True, slots=True)
class Lookup:
    of: Expression
    choices: Mapping[str, Expression]
    otherwise: Expression | None
    strict: bool

    def evaluate(self, scope: Scope) -> Any:
        text = as_text(self.of.evaluate(scope))
        if text is not None and text in self.choices:
            return self.choices[text].evaluate(scope)
        if self.strict and text is not None:
            names = ", ".join(name.rpartition(".")[2] for name in self.of.references())
            raise ExpressionError(f"{names} is {text!r}; allowed: {', '.join(self.choices)}")
        return self.otherwise.evaluate(scope) if self.otherwise else None

    def references(self) -> Iterator[str]:
        yield from self.of.references()
        for expression in (*self.choices.values(), *filter(None, [self.otherwise])):
            yield from expression.references()


@dataclass(frozen=True, slots=True)
class First:
    choices: tuple[Expression, ...]

    def evaluate(self, scope: Scope) -> Any:
        values = (expression.evaluate(scope) for expression in self.choices)
        return next((value for value in values if value is not None), None)

    def references(self) -> Iterator[str]:
        for expression in self.choices:
            yield from expression.references()


@dataclass(frozen=True, slots=True)
class Logic:
    """Three-valued and (`decisive` false) or or (`decisive` true); null and unknown are unknown."""

    decisive: bool
    terms: tuple[Expression, ...]

    def evaluate(self, scope: Scope) -> bool | None:
        texts = {as_text(term.evaluate(scope)) for term in self.terms}
        if as_text(self.decisive) in texts:
            return self.decisive
        return (not self.decisive) if texts == {as_text(not self.decisive)} else None

    def references(self) -> Iterator[str]:
        for term in self.terms:
            yield from term.references()


@dataclass(frozen=True, slots=True)
class Link:
    """Where another row should be; evaluated, `path` is its clip_id."""

    path: str
    required: bool = False
    """Its absence is an error, not a warning."""
    anywhere: bool = False
    """If it is not there, take the one file of that name anywhere in the dataset."""
    dataset: str | None = None
    """Another dataset, by the name of its spec."""


@dataclass(frozen=True, slots=True)
class RowLink:
    path: Expression
    required: bool
    anywhere: bool
    dataset: str | None

    def evaluate(self, scope: Scope) -> Link | None:
        path = as_text(self.path.evaluate(scope))
        return Link(path, self.required, self.anywhere, self.dataset) if path else None

    def references(self) -> Iterator[str]:
        return self.path.references()


def tidy(path: str) -> str:
    """The text without idle `./`: the folder of a file at the root is `.`."""
    while path.startswith("./") and len(path) > 2:
        path = path[2:]
    return path.replace("/./", "/") if "/./" in path else path


def parse(written: Any, tables: frozenset[str] = frozenset()) -> Expression:
    """The expression of a YAML value; `tables` are the names that `{table.column}` may begin with.

    Raises ExpressionError.
    """
    if isinstance(written, str):
        return _template(written, tables)
    if isinstance(written, list):
        raise ExpressionError("a list is no expression; write {first: [...]}, {all: ...} or so")
    if not isinstance(written, dict):
        return Constant(written)
    for word, (keys, build) in _FORMS.items():
        if word in written:
            for key in written.keys() - keys:
                raise ExpressionError(
                    f"{key!r} does not go with {word!r}{nearest(key, keys)}; "
                    f"allowed: {', '.join(sorted(keys))}"
                )
            return build(written, tables)
    got = ", ".join(written) or "{}"
    raise ExpressionError(f"an expression has one of the keys {', '.join(_FORMS)}; got: {got}")


def _template(text: str, tables: frozenset[str]) -> Expression:
    pieces = PLACE.split(text)
    if len(pieces) == 1:
        if "{" in text or "}" in text:
            raise ExpressionError(f"unbalanced braces in {text!r}")
        return Constant(text)
    parts = [_reference(p, tables) if n % 2 else p for n, p in enumerate(pieces)]
    kept = tuple(part for part in parts if part != "")
    return kept[0] if len(kept) == 1 and isinstance(kept[0], Reference) else Template(kept)


def _reference(text: str, tables: frozenset[str]) -> Reference:
    name, *filters = text.split("|")
    if not name.strip():
        raise ExpressionError("{} names nothing")
    parsed = []
    for written in filters:
        word, *arguments = written.split(":")
        if word not in FILTERS:
            raise ExpressionError(
                f"filter {word!r} is unknown{nearest(word, FILTERS)}; "
                f"there are: {', '.join(FILTERS)}"
            )
        if len(arguments) != FILTERS[word].num_arguments:
            raise ExpressionError(
                f"filter {word!r} takes {FILTERS[word].num_arguments} arguments, "
                f"got {len(arguments)} in {written!r}"
            )
        parsed.append((word, tuple(arguments)))
    table, dot, column = name.partition(".")
    known = bool(dot) and table in tables
    return Reference(table if known else None, column if known else name, tuple(parsed))


def _lookup(written: dict[str, Any], tables: frozenset[str]) -> Expression:
    choices = written.get("map")
    if not isinstance(choices, dict) or not choices:
        raise ExpressionError("'of' needs a 'map' with at least one entry")
    if written.get("strict") and "else" in written:
        raise ExpressionError("'strict' and 'else' exclude each other")
    otherwise = parse(written["else"], tables) if "else" in written else None
    parsed = {key: parse(value, tables) for key, value in choices.items()}
    return Lookup(parse(written["of"], tables), parsed, otherwise, bool(written.get("strict")))


def _many(written: dict[str, Any], tables: frozenset[str]) -> Expression:
    ((word, items),) = written.items()
    if not isinstance(items, list) or not items:
        raise ExpressionError(f"{word!r} needs a list of expressions")
    terms = tuple(parse(item, tables) for item in items)
    return First(terms) if word == "first" else Logic(word == "any", terms)


def _row_link(written: dict[str, Any], tables: frozenset[str]) -> Expression:
    required, anywhere = bool(written.get("required")), bool(written.get("anywhere"))
    return RowLink(parse(written["row"], tables), required, anywhere, written.get("data"))


_FORMS = {
    "of": ({"of", "map", "else", "strict"}, _lookup),
    "first": ({"first"}, _many),
    "all": ({"all"}, _many),
    "any": ({"any"}, _many),
    "row": ({"row", "required", "anywhere", "data"}, _row_link),
}
