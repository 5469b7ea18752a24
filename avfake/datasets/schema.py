"""Specs by name or from a YAML file, with every key and every name in them checked."""

from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from avfake.datasets.document import Document, Section
from avfake.datasets.expressions import Expression
from avfake.datasets.spec import (
    BUILT_IN,
    FIELDS,
    DatasetSpec,
    Join,
    MediaRule,
    RootRule,
    RowSource,
    SegmentRule,
    SplitLists,
    TableSpec,
    read_section,
    table_spec,
)
from avfake.datasets.values import as_text
from avfake.errors import SpecError, nearest

DROPPABLE = ("label", "face_fake", "voice_fake", "has_video", "has_audio", "method", "status")
OWN_FILES = ("csv", "folders")
"""Specs for a user's own files, whose licence is unknown."""


def list_specs() -> list[DatasetSpec]:
    """Return the specs that ship with avfake, by name."""
    return [load_spec(name) for name in _names()]


def load_spec(name_or_path: str | Path, overrides: Mapping[str, str] | None = None) -> DatasetSpec:
    """Return the spec of that name, or in that YAML file, with single leaves replaced.

    `overrides` maps dotted paths to texts: `{"params.quality": "c40"}`. Raises SpecError.
    """
    source, text = _text_of(name_or_path)
    document = Document.parse(text, source)
    for dotted, value in (overrides or {}).items():
        document.override(dotted, value)
    return _SpecReader(document).read()


def licence_of(dataset: str) -> str | None:
    """Return the licence in the spec that ships under this name; None where it is unknown."""
    if dataset in OWN_FILES or dataset not in _names():
        return None
    return load_spec(dataset).info.get("licence")


def _names() -> list[str]:
    entries = resources.files("data_specs").iterdir()
    return sorted(e.name.removesuffix(".yaml") for e in entries if e.name.endswith(".yaml"))


def _text_of(name_or_path: str | Path) -> tuple[str, str]:
    """Return what to call a spec in messages, and its YAML."""
    name, known = str(name_or_path), _names()
    try:
        if name in known:
            file = resources.files("data_specs") / f"{name}.yaml"
            return f"data_specs/{name}.yaml", file.read_text(encoding="utf-8")
        if isinstance(name_or_path, Path) or name.endswith((".yaml", ".yml")) or "/" in name:
            return name, Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{name}: the data spec cannot be read ({error})") from error
    raise SpecError(
        f"there is no data spec {name!r}{nearest(name, known)}; there are: "
        f"{', '.join(known)}; a spec of your own is given by the path of its YAML file"
    )


class _SpecReader:
    """A reader of the sections, in the order in which later ones refer to earlier ones."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.top = Section(document, (), document.values)
        self.params: dict[str, str] = {}
        self.tables: dict[str, TableSpec] = {}
        self.media: tuple[MediaRule, ...] = ()

    def read(self) -> DatasetSpec:
        top = self.top
        if top.text("spec") != "1":
            top.fail(f"schema version {top.raw('spec')!r} is unknown; this avfake reads 1", "spec")
        self.document.params = self.params = _params(top.section("params"))
        self.tables = top.named("tables", table_spec)
        self.document.tables = frozenset(self.tables)
        self.media = tuple(read_section(MediaRule, one) for one in top.sections("media"))
        if not self.media:
            top.fail("needs at least one rule that says which files are clips", "media")
        lookups = tuple(self._join(section) for section in top.sections("join"))
        fields, absent = self._fields(top.section("fields"))
        spec = DatasetSpec(
            name=top.text("name"),
            title=top.text("title", top.text("name")),
            info=top.words("info"),
            params=self.params,
            root=read_section(RootRule, top.section("root")),
            tables=self.tables,
            media=self.media,
            rows=self._rows(top.section("rows")),
            lookups=lookups,
            fields=fields,
            absent=absent,
            split=self._split(),
            segments=tuple(self._segments(section) for section in top.sections("segments")),
            drop=tuple(_drop(section) for section in top.sections("drop")),
            group=top.expressions("group"),
            external=top.named("external", _external_entry),
            assumed=top.words("assumed"),
            expect=self._expect(top.section("expect")),
            unique_names=top.section("expect").flag("unique_names"),
        )
        self._check_names("group", *spec.group, after_fields=True)
        top.close()
        return spec

    def _check_media(self, section: Section, ids: Iterable[str]) -> None:
        if section.has("when"):
            section.section("when").check_known("media", ids, [rule.id for rule in self.media])

    def _join(self, section: Section) -> Join:
        join = read_section(Join, section)
        self._check_media(section, join.media)
        section.check_known("table", [join.table], self.tables)
        if not join.keys or self.tables[join.table].key is None:
            section.fail("needs a 'key', and so does the table", "key")
        self._check_names("join", *join.keys)
        return join

    def _rows(self, section: Section) -> RowSource:
        source = section.text("from", "media")
        below = section.section("missing")
        missing = {table: below.expression(table) for table in below.values}
        section.check_known("missing", missing, self.tables)
        path = section.optional_expression("path")
        if source != "media":
            section.check_known("from", [source], ["media", *self.tables])
            if path is None:
                section.fail("rows from a table need the 'path' of their file", "path")
        section.close()
        return RowSource(None if source == "media" else source, path, missing)

    def _fields(self, section: Section) -> tuple[dict[str, Expression], frozenset[str]]:
        section.check_known("", section.values, FIELDS)
        fields = {name: section.expression(name) for name in section.values}
        for name, expression in fields.items():
            self._check_names(f"fields.{name}", expression)
        bare = (name for name, value in section.values.items() if value is None)
        return fields, frozenset(bare)

    def _check_names(
        self, where: str, *expressions: Expression | None, after_fields: bool = False
    ) -> None:
        """Raise SpecError for a name that no capture, constant, parameter or table could give."""
        known = {*BUILT_IN, *self.params, *(f"params.{name}" for name in self.params)}
        for rule in self.media:
            known |= {*rule.regex.groupindex, *rule.constants}
        if after_fields:
            known |= {*FIELDS, "split"}
        for name in (name for e in expressions if e is not None for name in e.references):
            if name not in known and name.partition(".")[0] not in self.tables:
                hint = nearest(name, {*known, *self.tables})
                self.document.fail(
                    tuple(where.split(".")),
                    f"{{{name}}} is unknown{hint}; there are: {', '.join(sorted(known))}, "
                    f"and columns of tables ({', '.join(self.tables) or 'none'})",
                )

    def _split(self) -> Expression | SplitLists:
        value = self.top.raw("split")
        if not (isinstance(value, dict) and "lists" in value):
            expression = self.top.expression("split")
            self._check_names("split", expression, after_fields=True)
            return expression
        section = self.top.section("split")
        split = read_section(SplitLists, section)
        self._check_media(section, split.media)
        self._check_names("split", split.key, split.otherwise, after_fields=True)
        return split

    def _segments(self, section: Section) -> SegmentRule:
        rule = read_section(SegmentRule, section)
        captures = rule.pattern.groupindex if rule.pattern else {}
        if (rule.shape == "regex") != (rule.pattern is not None):
            section.fail("goes with 'as: regex', and that with it", "pattern")
        if rule.shape == "regex":
            section.check_known("pattern", ("s", "e"), captures)
        section.check_known("where", rule.where, captures)
        self._check_names("segments", rule.source, rule.only_if, after_fields=True)
        return rule

    def _expect(self, section: Section) -> dict[str, Any]:
        """Return the counts of a complete copy, as written: numbers or [least, most] pairs."""
        if section.has("when"):
            when = section.section("when")
            self._check_media(section, when.texts("media"))
            when.close()
        by = section.section("by")
        for name in by.values:
            _check_counts(by.section(name), by.section(name).values)
        _check_counts(section, section.values.keys() - {"unique_names", "when", "by"})
        return {name: value for name, value in section.values.items() if name != "unique_names"}


def _params(section: Section) -> dict[str, str]:
    """Return the user's choices: `name: default`, or `name: {default, values, about}`."""
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


def _drop(section: Section) -> dict[str, str]:
    section.check_known("", section.values, DROPPABLE)
    return {name: section.text(name, "unknown") for name in section.values}


def _external_entry(name: str, section: Section) -> dict[str, Any]:
    entry: dict[str, Any] = {"spec": section.text("spec", name), "role": section.text("role", "-")}
    entry["params"] = section.words("params", None)
    section.close()
    return entry


def _check_counts(section: Section, names: Iterable[str]) -> None:
    for name in names:
        value = section.raw(name)
        numbers = value if isinstance(value, list) and len(value) == 2 else [value]
        if not all(isinstance(n, int) and not isinstance(n, bool) for n in numbers):
            section.fail(f"must be a number or a [least, most] pair, got {value!r}", name)
