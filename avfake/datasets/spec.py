"""A data spec, read and checked: `data_specs/README.md` describes the schema.

A spec is data: where files and tables lie and how their values become labels. Reading a folder with
it is the work of `build_manifest`. Each `yaml_key(...)` below says how a value of the YAML is read.
The whole of a spec is `schema.DatasetSpec`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from avfake.datasets.document import Document, Section
from avfake.datasets.expressions import Expression
from avfake.datasets.manifest import STREAMS
from avfake.datasets.values import as_text

R = TypeVar("R", bound="Rule")
V = TypeVar("V")
Pattern = re.Pattern[str]
SECONDS = {"s": 1.0, "ms": 1e-3}
"""Unit of a table -> its length."""


def yaml_key(read: Callable[[Section, str], Any], name: str = "") -> Any:
    """Return a field of a dataclass that is read from the key of that name, by default its own."""
    return field(metadata={"read": read, "key": name})


class Rule:
    """A part of a spec: a dataclass of `yaml_key` fields."""

    def check(self, section: Section) -> None:
        """Raise SpecError for values that do not go together; section: what it was read from."""


def read_section(kind: type[R], section: Section, **known: Any) -> R:
    """Return a part of a spec, read from its section in the order of its fields. SpecError."""
    values = {
        one.name: one.metadata["read"](section, one.metadata["key"] or one.name)
        for one in fields(kind)  # type: ignore[arg-type]
        if one.metadata
    }
    section.close()
    rule = kind(**known, **values)
    rule.check(section)
    return rule


def each(kind: type[R]) -> Callable[[Section, str], tuple[R, ...]]:
    """Return a reader of a list of parts of one kind."""
    return lambda section, name: tuple(read_section(kind, s) for s in section.sections(name))


def mapping(read: Callable[[Section, str], V]) -> Callable[[Section, str], dict[str, V]]:
    """Return a reader of a mapping of any names, each value of which is read by `read`."""

    def read_all(section: Section, name: str) -> dict[str, V]:
        below = section.section(name)
        return {key: read(below, key) for key in below.values}

    return read_all


def _choice(*choices: str, default: str | None = None, name: str = "") -> Any:
    return yaml_key(lambda section, key: section.choice(key, choices, default), name)


def media_ids(section: Section, name: str) -> tuple[str, ...]:
    """Return the ids of the media rules that something is for; empty = all."""
    below = section.section(name)
    ids = below.texts("media")
    below.check_known("media", ids, section.document.media)
    below.close()
    return ids


def _delimiter(section: Section, name: str) -> str:
    written = section.filled(section.text(name, ","))
    delimiter = "\t" if written == "tab" else written
    if len(delimiter) != 1:
        section.fail(f"must be one character or 'tab', got {written!r}", name)
    return delimiter


def _row_table(section: Section, name: str) -> str | None:
    source = section.text(name, "media")
    return None if source == "media" else source


@dataclass(frozen=True)
class TableSpec(Rule):
    """A file of labels beside the media, and how to find a record in it."""

    name: str
    globs: tuple[str, ...] = yaml_key(Section.globs, "file")
    file_regex: Pattern | None = yaml_key(Section.regex)
    format: str = _choice("json_map", "json_list", "json_flat", "csv", "words", "lines")
    first_found: bool = yaml_key(Section.flag)
    at: str | None = yaml_key(Section.optional_text)
    delimiter: str = yaml_key(_delimiter)
    encoding: str = yaml_key(lambda section, name: section.text(name, "utf-8-sig"))
    quoting: bool = yaml_key(lambda section, name: section.flag(name, True))
    header: str = _choice("true", "false", "skip", default="true")
    columns: tuple[str, ...] = yaml_key(Section.texts)
    rename: dict[str, str] = yaml_key(
        mapping(lambda section, name: section.filled(as_text(section.raw(name)) or ""))
    )
    """New name -> column of the file; empty = as it is, `-` = do not use."""
    key: Expression | None = yaml_key(Section.optional_expression)
    duplicate: str = _choice("error", "first", "last", default="error")
    where: dict[str, tuple[str, ...]] = yaml_key(mapping(Section.texts))
    require: tuple[str, ...] = yaml_key(Section.texts)
    """Columns that must be filled; `a|b` = at least one of them."""
    optional: bool = yaml_key(Section.flag)

    def check(self, section: Section) -> None:
        if not self.globs:
            section.fail("needs the path or glob of the table", "file")
        if self.format == "csv" and self.header != "true" and not self.columns:
            section.fail("without a header the columns need names", "columns")


@dataclass(frozen=True)
class MediaRule(Rule):
    """Which files are clips, and what their path means. The first rule that fits a file wins."""

    id: str = yaml_key(Section.text)
    kind: str = _choice("video", "audio", "picture")
    globs: tuple[str, ...] = yaml_key(Section.globs, "glob")
    """Empty = every ending of the kind."""
    regex: Pattern = yaml_key(lambda section, name: section.regex(name) or re.compile(""))
    constants: dict[str, Any] = yaml_key(mapping(Section.raw), "set")
    exclude: tuple[str, ...] = yaml_key(Section.globs)


@dataclass(frozen=True)
class Join(Rule):
    """How the record of each file is looked up."""

    table: str = yaml_key(Section.text)
    keys: tuple[Expression, ...] = yaml_key(Section.expressions, "key")
    """The first one that the table has."""
    media: tuple[str, ...] = yaml_key(media_ids, "when")
    """Only for these media rules; empty = all."""
    missing: str = _choice("drop", "keep", "error", default="keep")
    """What to do with a file without a record."""
    one_to_one: bool = yaml_key(Section.flag)
    """A record that fits two files is an error."""

    def check(self, section: Section) -> None:
        tables = section.document.tables
        section.check_known("table", [self.table], tables)
        if not self.keys or tables[self.table].key is None:
            section.fail("needs a 'key', and so does the table", "key")
        section.document.check_names(section.where[:1], *self.keys)


@dataclass(frozen=True)
class RowSource(Rule):
    """Where rows come from: the files, or a table that names them."""

    table: str | None = yaml_key(_row_table, "from")
    path: Expression | None = yaml_key(Section.optional_expression)
    missing: dict[str, Expression] = yaml_key(mapping(Section.expression))
    """Table -> the path a record without a file would have; it becomes a row `missing`."""

    def check(self, section: Section) -> None:
        tables = section.document.tables
        section.check_known("missing", self.missing, tables)
        if self.table is not None:
            section.check_known("from", [self.table], ["media", *tables])
            if self.path is None:
                section.fail("rows from a table need the 'path' of their file", "path")


@dataclass(frozen=True)
class SplitLists(Rule):
    """The dataset's own split, given as one list of keys for each part of it."""

    lists: dict[str, str] = yaml_key(
        mapping(lambda section, name: section.filled(section.text(name)))
    )
    """Split -> glob of the list."""
    format: str = _choice("json_flat", "lines")
    key: Expression = yaml_key(Section.expression)
    media: tuple[str, ...] = yaml_key(media_ids, "when")
    otherwise: Expression = yaml_key(Section.expression, "else")
    optional: bool = yaml_key(Section.flag)
    """The lists come apart from the files and may not be there."""

    def check(self, section: Section) -> None:
        section.document.check_names(section.where, self.key, self.otherwise)


@dataclass(frozen=True)
class SegmentRule(Rule):
    """How a table gives the forged segments of a clip."""

    source: Expression = yaml_key(Section.expression, "from")
    shape: str = yaml_key(
        lambda section, name: section.choice(name, ("pairs", "regex"), "pairs"), "as"
    )
    pattern: Pattern | None = yaml_key(Section.regex)
    """Finds segments in a text, its captures `s` and `e` are their times; None where the source is
    a list of [start, end]."""
    where: dict[str, str] = yaml_key(mapping(Section.text))
    """Only segments with these captures."""
    unit: str = _choice(*SECONDS, default="s")
    stream: str = _choice(*STREAMS, default="both")
    only_if: Expression | None = yaml_key(Section.optional_expression)
    """Only in rows where it is true."""

    def check(self, section: Section) -> None:
        captures = self.pattern.groupindex if self.pattern else {}
        if (self.shape == "regex") != (self.pattern is not None):
            section.fail("goes with 'as: regex', and that with it", "pattern")
        if self.shape == "regex":
            section.check_known("pattern", ("s", "e"), captures)
        section.check_known("where", self.where, captures)
        section.document.check_names(section.where[:1], self.source, self.only_if)


@dataclass(frozen=True)
class RootRule(Rule):
    """How to recognise the root of the dataset, and in which folders to look for it."""

    any_of: tuple[str, ...] = yaml_key(Section.globs)
    descend: tuple[str, ...] = yaml_key(Section.globs)


def list_table(name: str, glob: str, split: SplitLists) -> TableSpec:
    """Return the table that one split list is: a file of keys."""
    values = {"file": glob, "format": split.format, "optional": split.optional}
    return read_section(TableSpec, Section(Document(glob, values), (), values), name=name)
