"""The rows a manifest will have: files that a media rule takes, and records that name a file."""

import posixpath
import re
from dataclasses import dataclass, field
from typing import Any

from avfake.datasets.expressions import Expression, Scope
from avfake.datasets.folders import note, some
from avfake.datasets.listing import Listing, ending_of, glob_pattern, unread_note
from avfake.datasets.schema import DatasetSpec
from avfake.datasets.spec import Join, MediaRule, Pattern
from avfake.datasets.tables import Record, Table, evaluated
from avfake.datasets.values import DataValueError, as_text, folder_of
from avfake.errors import ManifestError, SpecError
from avfake.media import ENDINGS
from avfake.storage import as_path

LABELS = ("label", "face_fake", "voice_fake")


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
    def scope(self) -> Scope:
        """What expressions can use."""
        return Scope(self.names, {name: one.values for name, one in self.records.items()})

    @property
    def where(self) -> str:
        """Name the row in a message: its record where it has one, else its file."""
        records = "; ".join(record.where for record in self.records.values())
        return f"{self.clip_id} ({records})" if records else self.clip_id


class Candidates:
    """All rows before their fields are computed, and the warnings that come up in finding them."""

    def __init__(self, spec: DatasetSpec, listing: Listing, tables: dict[str, Table]) -> None:
        self.spec, self.listing, self.tables = spec, listing, tables
        self.rules = [(_whole_path(rule), glob_pattern(rule.exclude), rule) for rule in spec.media]
        self.params = {**spec.params, **{f"params.{k}": v for k, v in spec.params.items()}}
        self.found: dict[str, Candidate] = {}
        self.warnings: list[str] = []
        if spec.rows.table is None:
            self._add_files()
        else:
            self._add_records(spec.rows.table)
        for join in spec.lookups:
            self._join(join, tables[join.table])
        self._note_bare_files()
        for name in tables:
            self._add_missing(name)

    def _candidate(self, clip_id: str) -> Candidate | None:
        """Return a candidate with the captures of its path; None where no rule takes it."""
        for whole, exclude, rule in self.rules:
            if whole.fullmatch(clip_id) and not exclude.fullmatch(clip_id):
                found = rule.regex.search(clip_id)
                if found:
                    captures = {k: v for k, v in found.groupdict().items() if v is not None}
                    names = {**self._built_in(clip_id, rule.id), **rule.constants, **captures}
                    return Candidate(clip_id, self.listing.files.get(clip_id), rule.kind, names)
        return None

    def _named_candidate(self, clip_id: str) -> Candidate:
        """Return a candidate for a path that a record names, whether or not a rule takes it."""
        return self._candidate(clip_id) or Candidate(
            clip_id, self.listing.files.get(clip_id), "video", self._built_in(clip_id, None)
        )

    def _built_in(self, path: str, rule: str | None) -> dict[str, Any]:
        name = posixpath.basename(path)
        stem = posixpath.splitext(name)[0]
        built_in = {"media": rule, "path": path, "dir": folder_of(path), "name": name, "stem": stem}
        return {**self.params, **built_in}

    def _add_files(self) -> None:
        """Add a candidate for each file that a media rule takes."""
        taken = {name: self._candidate(name) for name in self.listing.files}
        self.found = {name: one for name, one in taken.items() if one is not None}
        pictures = [name for name, one in self.found.items() if one.kind == "picture"]
        if pictures and len(pictures) < len(self.found):
            self.warnings.append(
                f"{len(pictures)} pictures were left out, because there are videos or sounds, "
                f"which they may be parts of: {some(pictures)}; for pictures alone, give a folder "
                "of them"
            )
            self.found = {n: one for n, one in self.found.items() if one.kind != "picture"}
        kinds = {rule.kind for rule in self.spec.media}
        endings = {ending for kind in kinds for ending in ENDINGS[kind]}
        left = [name for name, one in taken.items() if one is None]
        others = [name for name in left if ending_of(name) in endings]
        self.warnings += note(others, "media files fit no rule of the spec")
        self.warnings += unread_note(left, kinds)
        if not self.found:
            notes = "".join(f"\n{one}" for one in self.listing.warnings + self.warnings)
            raise SpecError(
                f"{self.listing.root}: holds no file of {self.spec.name} among "
                f"{len(self.listing.files)}; looked for {tried(self.spec)}{notes}"
            )

    def _add_records(self, name: str) -> None:
        """Add a candidate for each record of the table that rows come from."""
        again = list[str]()
        for record in self.tables[name].records:
            clip_id = self._path_in(record, self.spec.rows.path)
            first = self.found.setdefault(clip_id, self._named_candidate(clip_id))
            if first.records.setdefault(name, record) is not record:
                self._check_agreement(name, record, first)
                again.append(record.where)
        self.warnings += note(again, "rows name a file that had a row already")
        left = [n for n in self.listing.files if n not in self.found]
        others = [n for n in left if self._candidate(n)]
        self.warnings += note(others, f"media files have no row in {name}")
        self.warnings += unread_note(set(left) - set(others))

    def _check_agreement(self, name: str, record: Record, first: Candidate) -> None:
        """Raise ManifestError if two records of one file have different labels."""
        labels = [
            [self._label(field, Scope({}, {name: one.values})) for field in LABELS]
            for one in (record, first.records[name])
        ]
        if labels[0] != labels[1]:
            raise ManifestError(
                f"{record.where}: labels {first.clip_id} unlike {first.records[name].where}; "
                "remove the row that is wrong"
            )

    def _label(self, field: str, scope: Scope) -> Any:
        try:
            return self.spec.fields[field].evaluate(scope) if field in self.spec.fields else None
        except DataValueError:
            return None  # a word that is no label is refused when the row is built

    def _path_in(self, record: Record, template: Expression | None) -> str:
        """Return the clip_id of the file that a record names; ManifestError outside the root."""
        assert template is not None
        text, root = evaluated(template, record, self.spec.params), self.listing.root
        if text is None:
            raise ManifestError(f"{record.where}: does not say which file it is about")
        path = text.replace("\\", "/")
        if isinstance(root, str):  # before normpath, which would take a slash from "s3://"
            path = path.removeprefix(f"{root}/")
        inside = posixpath.normpath(path).removeprefix(f"{root}/")
        if inside.startswith(("/", "../")) or inside == ".." or isinstance(as_path(path), str):
            raise ManifestError(
                f"{record.where}: {text} leads out of {root}; "
                "give the folder that holds the table and the files"
            )
        return inside

    def _join(self, join: Join, table: Table) -> None:
        """Look up the records of each candidate, and remove those to drop."""
        bare, fits = list[str](), dict[int, str]()
        for one in self.found.values() if table.by_key or join.missing != "keep" else ():
            if not _is_for(join, one):
                continue
            record = _record_of(join, one, table)
            if record is None:
                bare.append(one.clip_id)
                continue
            first = fits.setdefault(id(record), one.clip_id)
            if join.one_to_one and first != one.clip_id:
                raise ManifestError(
                    f"{record.where}: fits two files, {first} and {one.clip_id}; "
                    "move one of them out, or write the folder into the table"
                )
            one.records[join.table] = record
        if bare and join.missing == "error":
            raise SpecError(f"{len(bare)} files have no row in {join.table}: {some(bare)}")
        if join.missing == "drop":
            self.found = {n: one for n, one in self.found.items() if n not in set(bare)}
            self.warnings += note(bare, f"files without a row in {join.table} were left out")

    def _note_bare_files(self) -> None:
        lookups = self.spec.lookups
        if self.spec.rows.table is None and any(join.missing == "keep" for join in lookups):
            bare = [
                one.clip_id
                for one in self.found.values()
                if not one.records and any(_is_for(join, one) for join in lookups)
            ]
            names = ", ".join(join.table for join in lookups)
            self.warnings += note(bare, f"files have no row in any table ({names})")

    def _add_missing(self, name: str) -> None:
        """Add a candidate without a file for each record of a table that no file fits."""
        if name == self.spec.rows.table:
            return
        used = {id(record) for one in self.found.values() for record in one.records.values()}
        left = [record for record in self.tables[name].records if id(record) not in used]
        if name in self.spec.rows.missing:
            for record in left:
                clip_id = self._path_in(record, self.spec.rows.missing[name])
                one = self.found.setdefault(clip_id, self._named_candidate(clip_id))
                one.records[name] = record
        elif any(join.table == name for join in self.spec.lookups):
            self.warnings += note([one.where for one in left], f"rows of {name} fit no file")


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


def _whole_path(rule: MediaRule) -> Pattern:
    if rule.globs:
        return glob_pattern(rule.globs)
    return re.compile(rf".*\.(?:{'|'.join(ENDINGS[rule.kind])})", re.IGNORECASE | re.DOTALL)


def _is_for(join: Join, candidate: Candidate) -> bool:
    return not join.media or candidate.names["media"] in join.media


def _record_of(join: Join, candidate: Candidate, table: Table) -> Record | None:
    keys = (as_text(expression.evaluate(candidate.scope)) for expression in join.keys)
    return next((table.by_key[key] for key in keys if key in table.by_key), None)
