"""The rows a manifest will have: files that a media rule takes, and records that name a file."""

import posixpath
import re
from dataclasses import dataclass, field
from typing import Any

from avfake.datasets.expressions import Expression, Scope
from avfake.datasets.folders import some
from avfake.datasets.listing import Listing, ending_of, glob_pattern, unread_note
from avfake.datasets.spec import DatasetSpec, Join, MediaRule, Pattern
from avfake.datasets.tables import Record, Table, scope_of
from avfake.datasets.values import DataValueError, as_text, folder_of
from avfake.errors import ManifestError, SpecError
from avfake.media import ENDINGS
from avfake.storage import is_url


@dataclass(slots=True)
class Candidate:
    """A row before its fields are computed."""

    clip_id: str
    path: str | None
    """None where a record names a file that is not there."""
    kind: str
    names: dict[str, Any]
    """What expressions can refer to, tables aside."""
    records: dict[str, Record] = field(default_factory=dict)
    """Table -> its record of this file."""

    @property
    def where(self) -> str:
        """Name the row in a message: its record where it has one, else its file."""
        records = "; ".join(record.where for record in self.records.values())
        return f"{self.clip_id} ({records})" if records else self.clip_id


class MediaRules:
    """The media rules of a spec; the first one that takes a path counts."""

    def __init__(self, spec: DatasetSpec) -> None:
        self.rules = [(_whole_path(rule), glob_pattern(rule.exclude), rule) for rule in spec.media]
        self.params = {**spec.params, **{f"params.{k}": v for k, v in spec.params.items()}}

    def candidate(self, clip_id: str, path: str | None) -> Candidate | None:
        """Return a candidate with the captures of its path; None where no rule takes it."""
        for whole, exclude, rule in self.rules:
            if whole.fullmatch(clip_id) and not exclude.fullmatch(clip_id):
                found = rule.regex.search(clip_id)
                if found:
                    captures = {k: v for k, v in found.groupdict().items() if v is not None}
                    names = {**self._built_in(clip_id, rule.id), **rule.constants, **captures}
                    return Candidate(clip_id, path, rule.kind, names)
        return None

    def without_rule(self, clip_id: str, path: str | None) -> Candidate:
        """Return a candidate for a path that a record names and no rule takes."""
        return Candidate(clip_id, path, "video", self._built_in(clip_id, None))

    def _built_in(self, path: str, rule: str | None) -> dict[str, Any]:
        name = posixpath.basename(path)
        stem = posixpath.splitext(name)[0]
        built_in = {"media": rule, "path": path, "dir": folder_of(path), "name": name, "stem": stem}
        return {**self.params, **built_in}


def _whole_path(rule: MediaRule) -> Pattern:
    if rule.globs:
        return glob_pattern(rule.globs)
    return re.compile(rf".*\.(?:{'|'.join(ENDINGS[rule.kind])})", re.IGNORECASE | re.DOTALL)


def tried(spec: DatasetSpec) -> str:
    """Describe which files the media rules look for."""
    rules = (
        (" ".join(rule.globs) or _any_ending(rule.kind))
        + (f" with a path like {rule.regex.pattern}" if rule.regex.pattern else "")
        for rule in spec.media
    )
    return "; ".join(dict.fromkeys(rules))


def _any_ending(kind: str) -> str:
    first, more = ENDINGS[kind][:6], len(ENDINGS[kind]) - 6
    return f"any of *.{' *.'.join(first)} and {more} more endings of {kind}"


def from_files(spec: DatasetSpec, listing: Listing, warnings: list[str]) -> dict[str, Candidate]:
    """Return a candidate for each file that a media rule takes."""
    rules, found = MediaRules(spec), {}
    for clip_id, path in listing.files.items():
        candidate = rules.candidate(clip_id, path)
        if candidate:
            found[clip_id] = candidate
    found = _without_thumbnails(found, warnings)
    kinds = {rule.kind for rule in spec.media}
    endings = {ending for kind in kinds for ending in ENDINGS[kind]}
    left = [name for name in listing.files if rules.candidate(name, None) is None]
    others = [name for name in left if ending_of(name) in endings]
    if others:
        warnings.append(f"{len(others)} media files fit no rule of the spec: {some(others)}")
    warnings += unread_note(left, kinds)
    return found


def _without_thumbnails(found: dict[str, Candidate], warnings: list[str]) -> dict[str, Candidate]:
    """Drop pictures beside videos, of which they are parts; alone, they are clips."""
    pictures = [name for name, candidate in found.items() if candidate.kind == "picture"]
    if not pictures or len(pictures) == len(found):
        return found
    warnings.append(
        f"{len(pictures)} pictures were left out, because there are videos or sounds, which they "
        f"may be parts of: {some(pictures)}; for pictures alone, give a folder of them"
    )
    return {name: c for name, c in found.items() if c.kind != "picture"}


def from_table(
    spec: DatasetSpec, listing: Listing, tables: dict[str, Table], warnings: list[str]
) -> dict[str, Candidate]:
    """Return a candidate for each record of the table that rows come from."""
    assert spec.rows.table is not None
    assert spec.rows.path is not None
    rules, found = MediaRules(spec), dict[str, Candidate]()
    name, again = spec.rows.table, list[str]()
    for record in tables[name].records:
        clip_id = path_in(record, spec.rows.path, spec, listing)
        if clip_id in found:
            _check_agreement(spec, record, found[clip_id])
            again.append(record.where)
            continue
        path = listing.files.get(clip_id)
        candidate = rules.candidate(clip_id, path) or rules.without_rule(clip_id, path)
        candidate.records[name] = record
        found[clip_id] = candidate
    if again:
        warnings.append(f"{len(again)} rows name a file that had a row already: {some(again)}")
    others = [n for n in listing.files if n not in found and rules.candidate(n, None)]
    if others:
        warnings.append(f"{len(others)} media files have no row in {name}: {some(others)}")
    warnings += unread_note(listing.files.keys() - found.keys() - set(others))
    return found


def _check_agreement(spec: DatasetSpec, record: Record, first: Candidate) -> None:
    """Raise ManifestError if two records of one file have different labels."""
    name = spec.rows.table
    assert name is not None
    fields = [spec.fields[f] for f in ("label", "face_fake", "voice_fake") if f in spec.fields]
    scopes = (Scope({}, {name: values}) for values in (record.values, first.records[name].values))
    one, other = ([_or_none(field, scope) for field in fields] for scope in scopes)
    if one != other:
        raise ManifestError(
            f"{record.where}: labels {first.clip_id} unlike {first.records[name].where}; "
            "remove the row that is wrong"
        )


def _or_none(expression: Expression, scope: Scope) -> Any:
    try:
        return expression.evaluate(scope)
    except DataValueError:
        return None  # a word that is no label is found, and named, when the row is described


def path_in(record: Record, template: Any, spec: DatasetSpec, listing: Listing) -> str:
    """Return the clip_id of the file that a record names. ManifestError if it leads elsewhere."""
    try:
        text = as_text(template.evaluate(scope_of(record, spec.params)))
    except DataValueError as error:
        raise ManifestError(f"{record.where}: {error}") from error
    if text is None:
        raise ManifestError(f"{record.where}: does not say which file it is about")
    path = text.replace("\\", "/")
    if is_url(listing.root):  # before normpath, which would take a slash from "s3://"
        path = path.removeprefix(f"{listing.root}/")
    inside = posixpath.normpath(path).removeprefix(f"{listing.root}/")
    if inside.startswith(("/", "../")) or inside == ".." or is_url(path):
        raise ManifestError(
            f"{record.where}: {text} leads out of {listing.root}; "
            "give the folder that holds the table and the files"
        )
    return inside


def join_records(
    spec: DatasetSpec, candidates: dict[str, Candidate], tables: dict[str, Table]
) -> list[str]:
    """Look up the records of each candidate, remove those to drop, return warnings."""
    warnings = []
    for join in spec.joins:
        warnings += _join(join, candidates, tables[join.table])
    keeps = any(join.missing == "keep" for join in spec.joins)
    if spec.rows.table is None and keeps:
        bare = [c.clip_id for c in candidates.values() if not c.records and _has_table(spec, c)]
        if bare:
            names = ", ".join(join.table for join in spec.joins)
            warnings.append(f"{len(bare)} files have no row in any table ({names}): {some(bare)}")
    return warnings


def _has_table(spec: DatasetSpec, candidate: Candidate) -> bool:
    """Return whether any table of the spec is about files of its kind."""
    return any(not join.media or candidate.names["media"] in join.media for join in spec.joins)


def _join(join: Join, candidates: dict[str, Candidate], table: Table) -> list[str]:
    bare, fits = [], dict[int, str]()
    for candidate in candidates.values() if table.by_key or join.missing != "keep" else ():
        if join.media and candidate.names["media"] not in join.media:
            continue
        record = _record_of(join, candidate, table)
        if record is None:
            bare.append(candidate.clip_id)
            continue
        first = fits.setdefault(id(record), candidate.clip_id)
        if join.one_to_one and first != candidate.clip_id:
            raise ManifestError(
                f"{record.where}: fits two files, {first} and {candidate.clip_id}; "
                "move one of them out, or write the folder into the table"
            )
        candidate.records[join.table] = record
    if bare and join.missing == "error":
        raise SpecError(f"{len(bare)} files have no row in {join.table}: {some(bare)}")
    if bare and join.missing == "drop":
        for clip_id in bare:
            del candidates[clip_id]
        return [f"{len(bare)} files without a row in {join.table} were left out: {some(bare)}"]
    return []


def _record_of(join: Join, candidate: Candidate, table: Table) -> Record | None:
    scope = Scope(candidate.names, {name: r.values for name, r in candidate.records.items()})
    for expression in join.keys:
        key = as_text(expression.evaluate(scope))
        if key is not None and key in table.by_key:
            return table.by_key[key]
    return None


def add_missing(
    spec: DatasetSpec,
    candidates: dict[str, Candidate],
    listing: Listing,
    tables: dict[str, Table],
) -> list[str]:
    """Add a candidate without a file for each record that no file fits; return warnings."""
    rules, warnings = MediaRules(spec), []
    used = {id(record) for c in candidates.values() for record in c.records.values()}
    for name, table in tables.items():
        left = [record for record in table.records if id(record) not in used]
        if not left or name == spec.rows.table:
            continue
        if name not in spec.rows.missing:
            if any(join.table == name for join in spec.joins):
                where = some([record.where for record in left])
                warnings.append(f"{len(left)} rows of {name} fit no file: {where}")
            continue
        for record in left:
            clip_id = path_in(record, spec.rows.missing[name], spec, listing)
            candidate = candidates.get(clip_id) or rules.candidate(clip_id, None)
            candidates[clip_id] = candidate or rules.without_rule(clip_id, None)
            candidates[clip_id].records[name] = record
    return warnings
