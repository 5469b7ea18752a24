"""The small language of data specs: parsed once, evaluated for each row.

"text {name} {table.column|filter:argument}"    template; an empty part makes the whole null,
                                                a lone {name} keeps its type
{of: EXPR, map: {in: EXPR}, else: EXPR, strict: true}     look-up
{first: [EXPR, ...]}                            first that is not null
{all: [EXPR, ...]}, {any: [EXPR, ...]}          three-valued and / or
{row: "path", required: true, anywhere: true, data: spec} link to another row
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from avfake.datasets.values import FILTERS, DataValueError, as_text, is_blank
from avfake.errors import nearest

BRACES = re.compile(r"\{([^{}]*)\}")


@dataclass(frozen=True, slots=True)
class Scope:
    """The values of one row that an expression can use."""

    names: Mapping[str, Any]
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Table -> the joined record; a table without a record for this row is not here."""
    is_naming: bool = False
    """Whether the expression names another row or what rows share: a blank in a table is null."""


@dataclass(frozen=True)
class Expression:
    """A parsed expression; a process that it is sent to parses it again."""

    evaluate: Callable[[Scope], Any]
    references: tuple[str, ...] = ()
    """The names that it uses, `table.column` included."""
    source: tuple[Any, frozenset[str]] = (None, frozenset())
    """What `parse` was given."""

    def __reduce__(self) -> tuple[Any, ...]:
        return parse, self.source


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


def parse(written: Any, tables: frozenset[str] = frozenset()) -> Expression:
    """Return the expression of a YAML value; `tables`: names that `{table.column}` may begin with.

    Raises DataValueError.
    """
    return replace(_parsed(written, tables), source=(written, tables))


def _parsed(written: Any, tables: frozenset[str]) -> Expression:
    if isinstance(written, str):
        return _template(written, tables)
    if isinstance(written, list):
        raise DataValueError("a list is no expression; write {first: [...]}, {all: ...} or so")
    if not isinstance(written, dict):
        return Expression(lambda _: written)
    for word, (keys, build) in _FORMS.items():
        if word in written:
            for key in written.keys() - keys:
                raise DataValueError(
                    f"{key!r} does not go with {word!r}{nearest(key, keys)}; "
                    f"allowed: {', '.join(sorted(keys))}"
                )
            return build(written, tables)
    got = ", ".join(written) or "{}"
    raise DataValueError(f"an expression has one of the keys {', '.join(_FORMS)}; got: {got}")


def tidy(path: str) -> str:
    """Return a text without idle `./`: the folder of a file at the root is `.`."""
    while path.startswith("./") and len(path) > 2:
        path = path[2:]
    return path.replace("/./", "/") if "/./" in path else path


def _template(text: str, tables: frozenset[str]) -> Expression:
    pieces = BRACES.split(text)
    if len(pieces) == 1:
        if "{" in text or "}" in text:
            raise DataValueError(f"unbalanced braces in {text!r}")
        return Expression(lambda _: text)
    parts = [_reference(p, tables) if n % 2 else p for n, p in enumerate(pieces)]
    parts = [part for part in parts if part != ""]
    if len(parts) == 1 and isinstance(parts[0], Expression):
        return parts[0]

    def evaluate(scope: Scope) -> str | None:
        texts = []
        for part in parts:
            filled = part if isinstance(part, str) else as_text(part.evaluate(scope))
            if filled is None:
                return None
            texts.append(filled)
        return tidy("".join(texts))

    return Expression(evaluate, _references(p for p in parts if isinstance(p, Expression)))


def _reference(text: str, tables: frozenset[str]) -> Expression:
    """Parse one `table.column|filter:argument`."""
    name, *written = text.split("|")
    if not name.strip():
        raise DataValueError("{} names nothing")
    filters = [_filter(one) for one in written]
    table, dot, column = name.partition(".")
    is_column = bool(dot) and table in tables
    column = column if is_column else name

    def evaluate(scope: Scope) -> Any:
        names = scope.tables.get(table, {}) if is_column else scope.names
        value = names.get(column)
        if scope.is_naming and is_column and is_blank(value):
            return None
        for apply in filters:
            filled = as_text(value)
            if filled is None:
                return None
            try:
                value = apply(filled)
            except DataValueError as error:
                raise DataValueError(f"{column}: {error}") from error
        return None if value == "" else value

    return Expression(evaluate, (name,))


def _filter(written: str) -> Callable[[str], Any]:
    word, *arguments = written.split(":")
    if word not in FILTERS:
        raise DataValueError(
            f"filter {word!r} is unknown{nearest(word, FILTERS)}; there are: {', '.join(FILTERS)}"
        )
    function, count = FILTERS[word]
    if len(arguments) != count:
        raise DataValueError(
            f"filter {word!r} takes {count} arguments, got {len(arguments)} in {written!r}"
        )
    return lambda text: function(text, *arguments)


def _lookup(written: dict[str, Any], tables: frozenset[str]) -> Expression:
    choices = written.get("map")
    if not isinstance(choices, dict) or not choices:
        raise DataValueError("'of' needs a 'map' with at least one entry")
    is_strict = bool(written.get("strict"))
    if is_strict and "else" in written:
        raise DataValueError("'strict' and 'else' exclude each other")
    otherwise = parse(written.get("else"), tables)
    parsed = {key: parse(value, tables) for key, value in choices.items()}
    of = parse(written["of"], tables)

    def evaluate(scope: Scope) -> Any:
        text = as_text(of.evaluate(scope))
        if text is not None and text in parsed:
            return parsed[text].evaluate(scope)
        if is_strict and text is not None:
            names = ", ".join(name.rpartition(".")[2] for name in of.references)
            raise DataValueError(f"{names} is {text!r}; allowed: {', '.join(parsed)}")
        return otherwise.evaluate(scope)

    return Expression(evaluate, _references([of, *parsed.values(), otherwise]))


def _combined(
    combine: Callable[[Iterable[Any]], Any], written: dict[str, Any], tables: frozenset[str]
) -> Expression:
    """Parse a list of terms; `combine`: values of the terms -> value."""
    ((word, items),) = written.items()
    if not isinstance(items, list) or not items:
        raise DataValueError(f"{word!r} needs a list of expressions")
    terms = [parse(item, tables) for item in items]
    return Expression(
        lambda scope: combine(term.evaluate(scope) for term in terms), _references(terms)
    )


def _first(values: Iterable[Any]) -> Any:
    return next((value for value in values if value is not None), None)


def _logic(decisive: bool, values: Iterable[Any]) -> bool | None:
    """Return `all` (`decisive` False) or `any` (True); null and unknown are unknown."""
    texts = {as_text(value) for value in values}
    if as_text(decisive) in texts:
        return decisive
    return (not decisive) if texts == {as_text(not decisive)} else None


def _row_link(written: dict[str, Any], tables: frozenset[str]) -> Expression:
    path = parse(written["row"], tables)
    required, anywhere = bool(written.get("required")), bool(written.get("anywhere"))

    def evaluate(scope: Scope) -> Link | None:
        text = as_text(path.evaluate(scope))
        return Link(text, required, anywhere, written.get("data")) if text else None

    return Expression(evaluate, path.references)


def _references(expressions: Iterable[Expression]) -> tuple[str, ...]:
    return tuple(name for expression in expressions for name in expression.references)


_FORMS: dict[str, tuple[set[str], Callable[[dict[str, Any], frozenset[str]], Expression]]] = {
    "of": ({"of", "map", "else", "strict"}, _lookup),
    "first": ({"first"}, partial(_combined, _first)),
    "all": ({"all"}, partial(_combined, partial(_logic, False))),
    "any": ({"any"}, partial(_combined, partial(_logic, True))),
    "row": ({"row", "required", "anywhere", "data"}, _row_link),
}
