"""A data spec, read and checked: `data_specs/README.md` describes the schema.

A spec is data: where files and tables lie and how their values become labels. Reading a folder with
it is the work of `build_manifest`. Each `yaml_key(...)` below says how a value of the YAML is read.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from avfake.datasets.document import Document, Section
from avfake.datasets.expressions import Expression
from avfake.datasets.manifest import STREAMS
from avfake.datasets.values import as_text

T = TypeVar("T")
Pattern = re.Pattern[str]
FIELDS = (
    *("label", "face_fake", "voice_fake", "has_video", "has_audio", "original"),
    *("identity", "speaker", "source", "method", "part", "fold"),
)
"""`speaker` is the identity where there is no `identity`; `fold` is another word for `part`."""
BUILT_IN = ("media", "path", "dir", "name", "stem")
"""Names of every row: the id of its media rule, its path from the root and pieces of that."""
SECONDS = {"s": 1.0, "ms": 1e-3}
"""Unit of a table -> its length."""


def yaml_key(read: Callable[[Section, str], Any], name: str = "") -> Any:
    """Return a field of a dataclass that is read from the key of that name, by default its own."""
    return field(metadata={"read": read, "key": name})


def read_section(kind: type[T], section: Section, **known: Any) -> T:
    """Return a dataclass of `yaml_key` fields, read from a section of a spec. Raises SpecError."""
    values = {
        one.name: one.metadata["read"](section, one.metadata["key"] or one.name)
        for one in fields(kind)  # type: ignore[arg-type]
        if one.metadata
    }
    section.close()
    return kind(**known, **values)


def _choice(*choices: str, default: str | None = None, name: str = "") -> Any:
    return yaml_key(lambda section, key: section.choice(key, choices, default), name)


def _constants(section: Section, name: str) -> dict[str, Any]:
    below = section.section(name)
    return {constant: below.raw(constant) for constant in below.values}


def _media(section: Section, name: str) -> tuple[str, ...]:
    """Return the ids of the media rules that something is for; empty = all."""
    below = section.section(name)
    ids = below.texts("media")
    below.close()
    return ids


def _delimiter(section: Section, name: str) -> str:
    written = section.filled(section.text(name, ","))
    delimiter = "\t" if written == "tab" else written
    if len(delimiter) != 1:
        section.fail(f"must be one character or 'tab', got {written!r}", name)
    return delimiter


def _renamed(section: Section, name: str) -> dict[str, str]:
    below = section.section(name)
    return {new: section.filled(as_text(below.raw(new)) or "") for new in below.values}


def _columns(section: Section, name: str) -> dict[str, tuple[str, ...]]:
    below = section.section(name)
    return {column: below.texts(column) for column in below.values}


@dataclass(frozen=True)
class TableSpec:
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
    rename: dict[str, str] = yaml_key(_renamed)
    """New name -> column of the file; empty = as it is, `-` = do not use."""
    key: Expression | None = yaml_key(Section.optional_expression)
    duplicate: str = _choice("error", "first", "last", default="error")
    where: dict[str, tuple[str, ...]] = yaml_key(_columns)
    require: tuple[str, ...] = yaml_key(Section.texts)
    """Columns that must be filled; `a|b` = at least one of them."""
    optional: bool = yaml_key(Section.flag)


@dataclass(frozen=True)
class MediaRule:
    """Which files are clips, and what their path means. The first rule that fits a file wins."""

    id: str = yaml_key(Section.text)
    kind: str = _choice("video", "audio", "picture")
    globs: tuple[str, ...] = yaml_key(Section.globs, "glob")
    """Empty = every ending of the kind."""
    regex: Pattern = yaml_key(lambda section, name: section.regex(name) or re.compile(""))
    constants: dict[str, Any] = yaml_key(_constants, "set")
    exclude: tuple[str, ...] = yaml_key(Section.globs)


@dataclass(frozen=True)
class Join:
    """How the record of each file is looked up."""

    table: str = yaml_key(Section.text)
    keys: tuple[Expression, ...] = yaml_key(Section.expressions, "key")
    """The first one that the table has."""
    media: tuple[str, ...] = yaml_key(_media, "when")
    """Only for these media rules; empty = all."""
    missing: str = _choice("drop", "keep", "error", default="keep")
    """What to do with a file without a record."""
    one_to_one: bool = yaml_key(Section.flag)
    """A record that fits two files is an error."""


@dataclass(frozen=True)
class RowSource:
    """Where rows come from: the files, or a table that names them."""

    table: str | None
    path: Expression | None
    missing: dict[str, Expression]
    """Table -> the path a record without a file would have; it becomes a row `missing`."""


@dataclass(frozen=True)
class SplitLists:
    """The dataset's own split, given as one list of keys for each part of it."""

    lists: dict[str, str] = yaml_key(
        lambda section, name: {k: section.filled(v) for k, v in section.words(name, None).items()}
    )
    """Split -> glob of the list."""
    format: str = _choice("json_flat", "lines")
    key: Expression = yaml_key(Section.expression)
    media: tuple[str, ...] = yaml_key(_media, "when")
    otherwise: Expression = yaml_key(Section.expression, "else")
    optional: bool = yaml_key(Section.flag)
    """The lists come apart from the files and may not be there."""


@dataclass(frozen=True)
class SegmentRule:
    """How a table gives the forged segments of a clip."""

    source: Expression = yaml_key(Section.expression, "from")
    shape: str = yaml_key(
        lambda section, name: section.choice(name, ("pairs", "regex"), "pairs"), "as"
    )
    pattern: Pattern | None = yaml_key(Section.regex)
    """Finds segments in a text, its captures `s` and `e` are their times; None where the source is
    a list of [start, end]."""
    where: dict[str, str] = yaml_key(lambda section, name: section.words(name, None))
    """Only segments with these captures."""
    unit: str = _choice(*SECONDS, default="s")
    stream: str = _choice(*STREAMS, default="both")
    only_if: Expression | None = yaml_key(Section.optional_expression)
    """Only in rows where it is true."""


@dataclass(frozen=True)
class RootRule:
    """How to recognise the root of the dataset, and in which folders to look for it."""

    any_of: tuple[str, ...] = yaml_key(Section.globs)
    descend: tuple[str, ...] = yaml_key(Section.globs)


@dataclass(frozen=True)
class DatasetSpec:
    """One dataset: how it lies on disk and what its labels mean."""

    name: str
    title: str
    info: dict[str, str]
    """Words for the user: access, licence, modality, cite, size_gb."""
    params: dict[str, str]
    """The user's choices, overrides applied."""
    root: RootRule
    tables: dict[str, TableSpec]
    media: tuple[MediaRule, ...]
    rows: RowSource
    lookups: tuple[Join, ...]
    fields: dict[str, Expression]
    absent: frozenset[str]
    """Fields that the spec sets to a bare null: this dataset has no such stream."""
    split: Expression | SplitLists
    segments: tuple[SegmentRule, ...]
    drop: tuple[dict[str, str], ...]
    group: tuple[Expression, ...]
    external: dict[str, dict[str, Any]]
    assumed: dict[str, str]
    expect: dict[str, Any]
    """Counts of a complete copy; empty where the spec has none."""
    unique_names: bool
    """Whether no two files of a copy have one name."""

    def __repr__(self) -> str:
        return f"DatasetSpec({self.name!r}: {self.title})"


def table_spec(name: str, section: Section) -> TableSpec:
    """Return the table that a section describes. Raises SpecError."""
    spec = read_section(TableSpec, section, name=name)
    if not spec.globs:
        section.fail("needs the path or glob of the table", "file")
    if spec.format == "csv" and spec.header != "true" and not spec.columns:
        section.fail("without a header the columns need names", "columns")
    return spec


def list_table(name: str, glob: str, split: SplitLists) -> TableSpec:
    """Return the table that one split list is: a file of keys."""
    values = {"file": glob, "format": split.format, "optional": split.optional}
    return table_spec(name, Section(Document(glob, values), (), values))
