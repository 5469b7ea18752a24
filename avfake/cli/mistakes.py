"""Values that flags do not take, told in one sentence: what was got, what is allowed, what to do.

tyro finds the mistake, and would print a box. The sentence follows from the types of the flags;
where these do not explain it, it is the text of that box.
"""

import inspect
import io
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import dataclass, fields, is_dataclass
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from tyro.conf import Positional, UseAppendAction

from avfake.errors import ConfigError, nearest

NUMBERS: dict[Any, str] = {int: "a whole number, such as 2", float: "a number, such as 0.5"}
"""Type -> what is allowed; the type itself reads a word."""
DRAWN = re.compile(r"\x1b\[[0-9;]*m|[─│╭╮╰╯]")
"""Colours and frames of tyro's boxes."""


@dataclass(frozen=True)
class Takes:
    """The words that stand after a flag."""

    number: int | None
    """How many; None = any number."""
    kind: Any = str
    choices: tuple[str, ...] = ()
    """All that are allowed; empty where it is not a matter of names."""

    def __str__(self) -> str:
        one = ", ".join(self.choices) or NUMBERS.get(self.kind, "a name or a text")
        return one if self.number in (1, None) else f"{self.number} values, each {one}"

    def allows(self, word: str) -> bool:
        """Return whether a word is of this kind."""
        if self.choices or self.kind not in NUMBERS:
            return not self.choices or word in self.choices
        try:
            self.kind(word)
        except ValueError:
            return False
        return True


@contextmanager
def in_a_sentence(owner: Any, words: Sequence[str], command: str) -> Iterator[None]:
    """Raise ConfigError where tyro, inside, would print an error and exit.

    Args:
        owner: the verb, or the dataclass, whose flags are read
        words: what stands after the command
        command: what shows all flags if `--help` follows it
    """
    printed = io.StringIO()
    try:
        with redirect_stderr(printed):
            yield
    except SystemExit as left:
        if not left.code:
            raise
        told = _mistake(owner, words) or _unboxed(printed.getvalue())
        raise ConfigError(f"{told}; all flags: {command} --help") from None
    sys.stderr.write(printed.getvalue())


def flag_types(owner: Any, prefix: str = "--") -> dict[str, Any]:
    """Return flag -> type: of a verb or a dataclass, and of the dataclasses in it."""
    found: dict[str, Any] = {}
    for name, annotation in _named_types(owner):
        settings = get_args(annotation)[1:] if get_origin(annotation) is Annotated else ()
        given = [one.name for one in settings if getattr(one, "name", None) is not None]
        part = (given or [name])[0].replace("_", "-")
        if is_dataclass(inner := _bare(annotation)):
            found |= flag_types(inner, f"{prefix}{part}." if part else prefix)
            continue
        aliases = [alias for one in settings for alias in getattr(one, "aliases", None) or ()]
        found |= dict.fromkeys([f"{prefix}{part}", *aliases], annotation)
    return found


def _named_types(owner: Any) -> Iterator[tuple[str, Any]]:
    if is_dataclass(owner):
        types = get_type_hints(owner, include_extras=True)
        yield from ((field.name, types[field.name]) for field in fields(owner) if field.init)
        return
    for one in inspect.signature(owner).parameters.values():
        if not _is_argument(one):
            yield one.name, one.annotation


def _is_argument(parameter: inspect.Parameter) -> bool:
    """Return whether a parameter of a verb is given by its position, not by a flag."""
    by_position = parameter.kind is parameter.POSITIONAL_ONLY
    return by_position or Positional in get_args(parameter.annotation)


def _bare(annotation: Any) -> Any:
    """Return a type without what is said about it, and without None."""
    if get_origin(annotation) is Annotated:
        return _bare(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        others = [one for one in get_args(annotation) if one is not NoneType]
        return _bare(others[0]) if len(others) == 1 else annotation
    return annotation


def _takes(annotation: Any) -> Takes:
    kind = _bare(annotation)
    inner = get_args(kind)
    if get_origin(kind) is Literal:
        return Takes(1, choices=tuple(map(str, inner)))
    if get_origin(kind) in (tuple, list):
        one = _takes(inner[0])
        is_repeated = UseAppendAction in get_args(annotation)
        number = 1 if is_repeated else None if Ellipsis in inner or len(inner) < 2 else len(inner)
        return Takes(number, one.kind, one.choices)
    return Takes(0 if kind is bool else 1, kind)


def _mistake(owner: Any, words: Sequence[str]) -> str:
    """Return what is wrong with the words; empty where the types do not tell."""
    types = flag_types(owner)
    given, free = _read(words, types)
    for flag, values in given:
        # --no-x and --settings.no-x of a flag x; tyro adds --help and others of its own.
        flag_of = flag if flag in types else flag.replace("no-", "", 1)
        if flag_of not in types:
            if near := nearest(flag, types):
                return f"there is no flag {flag}{near}"
            continue
        takes = _takes(types[flag_of])
        if values and takes.number == 0:
            return f"{flag} is {values[0]!r}, and takes no value; leave {values[0]!r} out"
        if takes.number is not None and len(values) < takes.number:
            return f"{flag} needs {'a value: ' * (takes.number == 1)}{takes}"
        if values != ["None"] and not all(map(takes.allows, values)):
            near = nearest(values[0], takes.choices)
            return f"{flag} is {' '.join(values)!r}{near}; allowed: {takes}"
    required = [] if is_dataclass(owner) else _required(owner)
    missing = [flag for flag in required if flag not in dict(given)]
    return f"{missing[0]} is missing" if missing else _misplaced(owner, free)


def _read(
    words: Sequence[str], types: dict[str, Any]
) -> tuple[list[tuple[str, list[str]]], list[str]]:
    """Return each flag with its values, and the words that belong to none."""
    given, free = [], list[str]()
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            free += rest
            break
        if not word.startswith("--"):
            free.append(word)
            continue
        flag, equals, value = word.partition("=")
        flag = flag.replace("_", "-")
        values = [value] if equals else []
        number = _takes(types[flag]).number if flag in types else 0
        while not equals and rest and not rest[0].startswith("--") and len(values) != number:
            values.append(rest.pop(0))
        given.append((flag, values))
    return given, free


def _required(verb: Callable[..., int]) -> list[str]:
    """Return the flags of a verb that must be given."""
    return [
        f"--{one.name}".replace("_", "-")
        for one in inspect.signature(verb).parameters.values()
        if one.default is one.empty and not _is_argument(one)
    ]


def _misplaced(owner: Any, free: Sequence[str]) -> str:
    """Return what is wrong with the words that belong to no flag; empty if nothing is."""
    if is_dataclass(owner):
        return ""
    arguments = [one for one in inspect.signature(owner).parameters.values() if _is_argument(one)]
    takes = [_takes(one.annotation) for one in arguments]
    names = [_name_of(one) for one in arguments]
    for name, kind, word in zip(names, takes, free, strict=False):
        if not kind.allows(word):
            return f"{name} is {word!r}{nearest(word, kind.choices)}; allowed: {kind}"
    needed = [one for one in arguments if one.default is one.empty]
    if len(free) < len(needed):
        return f"{names[len(free)]} is missing; to be named: {' '.join(names)}"
    if len(free) > len(arguments) and all(one.number == 1 for one in takes):
        allowed = " ".join(names) or "flags alone"
        return f"{free[len(arguments)]!r} is one name too many; allowed: {allowed}"
    return ""


def _name_of(argument: inspect.Parameter) -> str:
    """Return what the help calls an argument."""
    given = [getattr(one, "metavar", None) for one in get_args(argument.annotation)]
    return next((one for one in given if isinstance(one, str)), argument.name.upper())


def _unboxed(text: str) -> str:
    """Return the text of a box of tyro on one line, without its title and its remark on --help."""
    lines = [line for line in text.splitlines() if "╭" not in line]
    words = " ".join(DRAWN.sub(" ", " ".join(lines)).split())
    return words.partition(" For full helptext")[0].rstrip(". ")
