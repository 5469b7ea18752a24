"""From the YAML of a spec to a `DatasetSpec`: every key and every name in it known."""

import re
from collections.abc import Iterable
from typing import Any

from avfake.config import nearest
from avfake.datasets.document import Document
from avfake.datasets.expressions import Expression
from avfake.datasets.rows import STREAMS
from avfake.datasets.sections import Section, read_params
from avfake.datasets.segments import SECONDS
from avfake.datasets.spec import (
    BUILT_IN,
    FIELDS,
    DatasetSpec,
    Join,
    MediaRule,
    RootRule,
    RowSource,
    Segments,
    SplitLists,
    TableSpec,
)
from avfake.datasets.table_schema import table_spec

DROPPABLE = ("label", "face_fake", "voice_fake", "has_video", "has_audio", "method", "status")


def spec_from(document: Document) -> DatasetSpec:
    """The spec, checked. Raises SpecError."""
    return _SpecReader(document).read()


class _SpecReader:
    """Reads the sections in the order in which later ones refer to earlier ones."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.top = Section(document, (), document.values)
        self.params: dict[str, str] = {}
        self.tables: dict[str, TableSpec] = {}
        self.media: tuple[MediaRule, ...] = ()
        self.fields: dict[str, Expression] = {}

    @property
    def table_names(self) -> frozenset[str]:
        return frozenset(self.tables)

    def read(self) -> DatasetSpec:
        top = self.top
        if top.text("spec") != "1":
            top.fail(f"schema version {top.raw('spec')!r} is unknown; this avfake reads 1", "spec")
        self.document.params = self.params = read_params(top.section("params"))
        self.tables = top.named("tables", table_spec)
        self.media = tuple(self._media_rule(section) for section in top.sections("media"))
        if not self.media:
            top.fail("needs at least one rule that says which files are clips", "media")
        joins = tuple(self._join(section) for section in top.sections("join"))
        self.fields, absent = self._fields()
        spec = DatasetSpec(
            name=top.text("name"),
            title=top.text("title", top.text("name")),
            info=self._words("info"),
            params=self.params,
            root=self._root(),
            tables=self.tables,
            media=self.media,
            rows=self._rows(),
            joins=joins,
            fields=self.fields,
            absent=absent,
            split=self._split(),
            segments=tuple(self._segments(section) for section in top.sections("segments")),
            drop=tuple(self._drop(section) for section in top.sections("drop")),
            group=top.expressions("group", self.table_names),
            external=self._external(),
            assumed=self._words("assumed"),
            expect=self._expect(),
            unique_names=top.section("expect").flag("unique_names"),
        )
        self._check_names("group", spec.group, after_fields=True)
        top.close()
        return spec

    def _words(self, key: str) -> dict[str, str]:
        section = self.top.section(key)
        return {name: section.text(name, "-") for name in section.values}

    def _root(self) -> RootRule:
        section = self.top.section("root")
        rule = RootRule(section.globs("any_of"), section.globs("descend"))
        section.close()
        return rule

    def _media_rule(self, section: Section) -> MediaRule:
        constants = section.section("set")
        rule = MediaRule(
            id=section.text("id"),
            kind=section.choice("kind", ("video", "audio", "picture")),
            globs=section.globs("glob"),
            regex=section.regex("regex") or re.compile(""),
            constants={name: constants.raw(name) for name in constants.values},
            exclude=section.globs("exclude"),
        )
        section.close()
        return rule

    def _when(self, section: Section) -> tuple[str, ...]:
        """Ids of the media rules that something is for; empty = all."""
        if not section.has("when"):
            return ()
        when = section.section("when")
        ids = when.texts("media")
        self._known_name(when, "media", ids, [rule.id for rule in self.media])
        when.close()
        return ids

    def _known_name(
        self, section: Section, key: str, names: Iterable[str], known: Iterable[str]
    ) -> None:
        known = list(known)
        for name in names:
            if name not in known:
                hint = nearest(name, known)
                there = ", ".join(known)
                section.fail(f"{name!r} is unknown{hint}; there are: {there}", key or name)

    def _join(self, section: Section) -> Join:
        join = Join(
            table=section.text("table"),
            keys=section.expressions("key", self.table_names),
            media=self._when(section),
            missing=section.choice("missing", ("drop", "keep", "error"), "keep"),
            one_to_one=section.flag("one_to_one"),
        )
        self._known_name(section, "table", [join.table], self.tables)
        if not join.keys or self.tables[join.table].key is None:
            section.fail("needs a 'key', and so does the table", "key")
        self._check_names("join", join.keys)
        section.close()
        return join

    def _rows(self) -> RowSource:
        section = self.top.section("rows")
        source = section.text("from", "media")
        below = section.section("missing")
        missing = {table: below.expression(table) for table in below.values}
        self._known_name(section, "missing", missing, self.tables)
        path = section.expression("path") if section.has("path") else None
        if source != "media":
            self._known_name(section, "from", [source], ["media", *self.tables])
            if path is None:
                section.fail("rows from a table need the 'path' of their file", "path")
        section.close()
        return RowSource(None if source == "media" else source, path, missing)

    def _fields(self) -> tuple[dict[str, Expression], frozenset[str]]:
        section = self.top.section("fields")
        self._known_name(section, "", section.values, FIELDS)
        fields = {name: section.expression(name, self.table_names) for name in section.values}
        for name, expression in fields.items():
            self._check_names(f"fields.{name}", [expression])
        bare = (name for name, value in section.values.items() if value is None)
        return fields, frozenset(bare)

    def _check_names(
        self, where: str, expressions: Iterable[Expression], *, after_fields: bool = False
    ) -> None:
        """Refuses a name that no capture, constant, parameter or table could give."""
        known = {*BUILT_IN, *self.params, *(f"params.{name}" for name in self.params)}
        for rule in self.media:
            known |= {*rule.regex.groupindex, *rule.constants}
        if after_fields:
            known |= {*FIELDS, "split"}
        for expression in expressions:
            for name in expression.references():
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
            expression = self.top.expression("split", self.table_names)
            self._check_names("split", [expression], after_fields=True)
            return expression
        section = self.top.section("split")
        lists = section.section("lists")
        split = SplitLists(
            lists={name: section.filled(lists.text(name)) for name in lists.values},
            format=section.choice("format", ("json_flat", "lines")),
            key=section.expression("key", self.table_names),
            media=self._when(section),
            otherwise=section.expression("else", self.table_names),
            optional=section.flag("optional"),
        )
        self._check_names("split", [split.key, split.otherwise], after_fields=True)
        section.close()
        return split

    def _segments(self, section: Section) -> Segments:
        where = section.section("where")
        shape = section.choice("as", ("pairs", "regex"), "pairs")
        segments = Segments(
            source=section.expression("from", self.table_names),
            pattern=section.regex("pattern"),
            where={name: where.text(name) for name in where.values},
            unit=section.choice("unit", tuple(SECONDS), "s"),
            stream=section.choice("stream", STREAMS, "both"),
            only_if=section.expression("only_if", self.table_names)
            if section.has("only_if")
            else None,
        )
        captures = segments.pattern.groupindex if segments.pattern else {}
        if (shape == "regex") != (segments.pattern is not None):
            section.fail("goes with 'as: regex', and that with it", "pattern")
        if shape == "regex":
            self._known_name(section, "pattern", ("s", "e"), captures)
        self._known_name(section, "where", segments.where, captures)
        used = [segments.source, *filter(None, [segments.only_if])]
        self._check_names("segments", used, after_fields=True)
        section.close()
        return segments

    def _drop(self, section: Section) -> dict[str, str]:
        self._known_name(section, "", section.values, DROPPABLE)
        return {name: section.text(name, "unknown") for name in section.values}

    def _external(self) -> dict[str, dict[str, Any]]:
        return self.top.named("external", _external_entry)

    def _expect(self) -> dict[str, Any]:
        """Counts of a complete copy, as written, each a number or a [least, most] pair."""
        section = self.top.section("expect")
        self._when(section)
        by = section.section("by")
        for name in by.values:
            self._check_counts(by.section(name), by.section(name).values)
        counts = section.values.keys() - {"unique_names", "when", "by"}
        self._check_counts(section, counts)
        return {name: value for name, value in section.values.items() if name != "unique_names"}

    def _check_counts(self, section: Section, names: Iterable[str]) -> None:
        for name in names:
            if not _is_count(section.raw(name)):
                value = section.raw(name)
                section.fail(f"must be a number or a [least, most] pair, got {value!r}", name)


def _external_entry(name: str, section: Section) -> dict[str, Any]:
    entry: dict[str, Any] = {"spec": section.text("spec", name), "role": section.text("role", "-")}
    params = section.section("params")
    entry["params"] = {key: params.text(key) for key in params.values}
    section.close()
    return entry


def _is_count(value: Any) -> bool:
    numbers = value if isinstance(value, list) and len(value) == 2 else [value]
    return all(isinstance(number, int) and not isinstance(number, bool) for number in numbers)
