"""What a data spec says, read and checked: `data_specs/README.md` describes the schema.

A spec is data: where files and tables lie and how their values become labels. Reading a folder with
it is the work of `build_manifest`.
"""

import re
from dataclasses import dataclass
from typing import Any

from avfake.datasets.expressions import Expression

Pattern = re.Pattern[str]
FORMATS = ("json_map", "json_list", "json_flat", "csv", "words", "lines")
FIELDS = (
    "label",
    "face_fake",
    "voice_fake",
    "has_video",
    "has_audio",
    "original",
    "identity",
    "speaker",
    "source",
    "method",
    "part",
    "fold",
)
"""`speaker` is the identity where there is no `identity`; `fold` is another word for `part`."""
BUILT_IN = ("media", "path", "dir", "name", "stem")
"""Names of every row: the id of its media rule, its path from the root and pieces of that."""


@dataclass(frozen=True)
class TableSpec:
    """A file of labels beside the media, and how to find a record in it."""

    name: str
    globs: tuple[str, ...]
    file_regex: Pattern | None
    format: str
    first_found: bool
    at: str | None
    delimiter: str
    encoding: str
    quoting: bool
    header: str
    """`true`, `false` or `skip`."""
    columns: tuple[str, ...]
    rename: dict[str, str]
    """New name -> column of the file; empty = as it is, `-` = do not use."""
    key: Expression | None
    duplicate: str
    where: dict[str, tuple[str, ...]]
    require: tuple[str, ...]
    """Columns that must be filled; `a|b` = at least one of them."""
    optional: bool


@dataclass(frozen=True)
class MediaRule:
    """Which files are clips, and what their path says. The first rule that matches a file wins."""

    id: str
    kind: str
    """`video`, `audio` or `picture`."""
    globs: tuple[str, ...]
    """Empty = every ending of the kind."""
    regex: Pattern
    constants: dict[str, Any]
    exclude: tuple[str, ...]


@dataclass(frozen=True)
class Join:
    """Looks up a record for each file."""

    table: str
    keys: tuple[Expression, ...]
    """The first one that the table has."""
    media: tuple[str, ...]
    """Only for these media rules; empty = all."""
    missing: str
    """What to do with a file without a record: `drop`, `keep` or `error`."""
    one_to_one: bool
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

    lists: dict[str, str]
    """Split -> glob of the list."""
    format: str
    key: Expression
    media: tuple[str, ...]
    otherwise: Expression
    optional: bool
    """The lists come apart from the files and may not be there."""


@dataclass(frozen=True)
class Segments:
    """Forged stretches of a clip, as a table gives them."""

    source: Expression
    pattern: Pattern | None
    """Finds stretches in a text, its captures `s` and `e` are their times; None where the source is
    a list of [start, end]."""
    where: dict[str, str]
    """Only stretches whose captures say so."""
    unit: str
    """`s` or `ms`."""
    stream: str
    """`face`, `voice` or `both`."""
    only_if: Expression | None
    """Only in rows where it is true."""


@dataclass(frozen=True)
class RootRule:
    """How to tell that the folder is the right one, and where else to look."""

    any_of: tuple[str, ...] = ()
    descend: tuple[str, ...] = ()


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
    joins: tuple[Join, ...]
    fields: dict[str, Expression]
    absent: frozenset[str]
    """Fields that the spec sets to a bare null: this dataset has no such stream."""
    split: Expression | SplitLists
    segments: tuple[Segments, ...]
    drop: tuple[dict[str, str], ...]
    group: tuple[Expression, ...]
    external: dict[str, dict[str, Any]]
    assumed: dict[str, str]
    expect: dict[str, Any]
    """Counts of a complete copy; empty where the spec knows none."""
    unique_names: bool
    """Whether no two files of a copy have one name."""

    def __repr__(self) -> str:
        return f"DatasetSpec({self.name!r}: {self.title})"
