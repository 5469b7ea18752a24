"""Specs by name or from a YAML file, with every key and every name in them checked."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from avfake.datasets.document import Document, Section
from avfake.datasets.expressions import Expression
from avfake.datasets.spec import (
    Join,
    MediaRule,
    RootRule,
    RowSource,
    Rule,
    SegmentRule,
    SplitLists,
    TableSpec,
    each,
    mapping,
    media_ids,
    read_section,
    yaml_key,
)
from avfake.datasets.values import ABSENT, as_text
from avfake.errors import SpecError, nearest

FIELDS = (
    *("label", "face_fake", "voice_fake", "has_video", "has_audio", "original"),
    *("identity", "speaker", "source", "method", "part", "fold"),
)
"""`speaker` is the identity where there is no `identity`; `fold` is another word for `part`."""
BUILT_IN = ("media", "path", "dir", "name", "stem")
"""Names of every row: the id of its media rule, its path from the root and pieces of that."""
DROPPABLE = ("label", "face_fake", "voice_fake", "has_video", "has_audio", "method", "status")
OWN_FILES = ("csv", "folders")
"""Specs for a user's own files, whose licence is unknown."""


def load_spec(
    name_or_path: str | Path, overrides: Mapping[str, str] | None = None
) -> "DatasetSpec":
    """Return the spec of that name, or in that YAML file, with single leaves replaced.

    `overrides` maps dotted paths to texts: `{"params.quality": "c40"}`. Raises SpecError.
    """
    source, text = _text_of(name_or_path)
    document = Document.parse(text, source)
    for dotted, value in (overrides or {}).items():
        document.override(dotted, value)
    top = Section(document, (), document.values)
    if top.text("spec") != "1":
        top.fail(f"schema version {top.raw('spec')!r} is unknown; this avfake reads 1", "spec")
    return read_section(DatasetSpec, top)


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


_words = mapping(lambda below, name: below.text(name, "-"))


def _params(top: Section, key: str) -> dict[str, str]:
    """Return the user's choices: `name: default`, or `name: {default, values, about}`."""
    params, section = {}, top.section(key)
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
    top.document.params = params
    return params


def _tables(top: Section, key: str) -> dict[str, TableSpec]:
    read = mapping(lambda below, name: read_section(TableSpec, below.section(name), name=name))
    top.document.tables = tables = read(top, key)
    return tables


def _media(top: Section, key: str) -> tuple[MediaRule, ...]:
    rules = each(MediaRule)(top, key)
    if not rules:
        top.fail("needs at least one rule that says which files are clips", key)
    names = {*BUILT_IN, *top.document.params, *(f"params.{name}" for name in top.document.params)}
    top.document.names = names.union(*({*one.regex.groupindex, *one.constants} for one in rules))
    top.document.media = tuple(one.id for one in rules)
    return rules


def _fields(top: Section, key: str) -> dict[str, Expression]:
    section = top.section(key)
    section.check_known("", section.values, FIELDS)
    for name in {"face_fake", "voice_fake"} & section.values.keys():
        if section.values[name] is None:  # a bare null: this dataset has no such stream
            section.values[name] = ABSENT
    found = {name: section.expression(name) for name in section.values}
    for name, expression in found.items():
        top.document.check_names((key, name), expression)
    top.document.names |= {*FIELDS, "split"}
    return found


def _split(top: Section, key: str) -> Expression | SplitLists:
    value = top.raw(key)
    if isinstance(value, dict) and "lists" in value:
        return read_section(SplitLists, top.section(key))
    expression = top.expression(key)
    top.document.check_names((key,), expression)
    return expression


def _drop(top: Section, key: str) -> tuple[dict[str, str], ...]:
    rules = top.sections(key)
    for rule in rules:
        rule.check_known("", rule.values, DROPPABLE)
    return tuple({name: rule.text(name, "unknown") for name in rule.values} for rule in rules)


def _group(top: Section, key: str) -> tuple[Expression, ...]:
    group = top.expressions(key)
    top.document.check_names((key,), *group)
    return group


def _external_entry(external: Section, name: str) -> dict[str, Any]:
    section = external.section(name)
    entry = {"spec": section.text("spec", name), "role": section.text("role", "-")}
    params = mapping(Section.text)(section, "params")
    section.close()
    return entry | {"params": params}


def _expect(top: Section, key: str) -> dict[str, Any]:
    """Return the counts of a complete copy, as written: numbers or [least, most] pairs."""
    section = top.section(key)
    media_ids(section, "when")
    by = section.section("by")
    for name in by.values:
        _check_counts(by.section(name), by.section(name).values)
    _check_counts(section, section.values.keys() - {"unique_names", "when", "by"})
    return {name: value for name, value in section.values.items() if name != "unique_names"}


def _check_counts(section: Section, names: Iterable[str]) -> None:
    for name in names:
        value = section.raw(name)
        numbers = value if isinstance(value, list) and len(value) == 2 else [value]
        if not all(isinstance(n, int) and not isinstance(n, bool) for n in numbers):
            section.fail(f"must be a number or a [least, most] pair, got {value!r}", name)


@dataclass(frozen=True)
class DatasetSpec(Rule):
    """One dataset: how it lies on disk and what its labels mean.

    Its values are read in this order: later ones refer to earlier ones.
    """

    name: str = yaml_key(Section.text)
    title: str = yaml_key(lambda top, key: top.text(key, top.text("name")))
    info: dict[str, str] = yaml_key(_words)
    """Words for the user: access, licence, modality, cite, size_gb."""
    params: dict[str, str] = yaml_key(_params)
    """The user's choices, overrides applied."""
    root: RootRule = yaml_key(lambda top, key: read_section(RootRule, top.section(key)))
    tables: dict[str, TableSpec] = yaml_key(_tables)
    media: tuple[MediaRule, ...] = yaml_key(_media)
    rows: RowSource = yaml_key(lambda top, key: read_section(RowSource, top.section(key)))
    lookups: tuple[Join, ...] = yaml_key(each(Join), "join")
    fields: dict[str, Expression] = yaml_key(_fields)
    split: Expression | SplitLists = yaml_key(_split)
    segments: tuple[SegmentRule, ...] = yaml_key(each(SegmentRule))
    drop: tuple[dict[str, str], ...] = yaml_key(_drop)
    group: tuple[Expression, ...] = yaml_key(_group)
    external: dict[str, dict[str, Any]] = yaml_key(mapping(_external_entry))
    assumed: dict[str, str] = yaml_key(_words)
    expect: dict[str, Any] = yaml_key(_expect)
    """Counts of a complete copy; empty where the spec has none."""
    unique_names: bool = yaml_key(
        lambda top, key: top.section(key).flag("unique_names"), name="expect"
    )
    """Whether no two files of a copy have one name."""

    def __repr__(self) -> str:
        return f"DatasetSpec({self.name!r}: {self.title})"

    @staticmethod
    def shipped() -> "list[DatasetSpec]":
        """Return the specs that ship with avfake, by name."""
        return [load_spec(name) for name in _names()]

    @staticmethod
    def licence_of(dataset: str) -> str | None:
        """Return the licence in the spec that ships under this name; None where it is unknown."""
        if dataset in OWN_FILES or dataset not in _names():
            return None
        return load_spec(dataset).info.get("licence")
