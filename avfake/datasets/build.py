"""A spec and a folder in, a manifest out: every file a row, every oddity a warning or an error."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from avfake.datasets.candidates import (
    Candidate,
    add_missing,
    from_files,
    from_table,
    join_records,
    tried,
)
from avfake.datasets.expectations import check_expectations
from avfake.datasets.expressions import ExpressionError, Link, Scope
from avfake.datasets.groups import merged_names
from avfake.datasets.labels import ABSENT, FileLabels, LabelError, settle_labels
from avfake.datasets.links import Links
from avfake.datasets.lists import SplitReader
from avfake.datasets.rows import Manifest, Row
from avfake.datasets.scan import Listing, glob_pattern, scan_folder, some
from avfake.datasets.segments import segments_of
from avfake.datasets.spec import DatasetSpec
from avfake.datasets.tables import read_table
from avfake.datasets.values import as_text
from avfake.errors import ManifestError, SpecError
from avfake.storage import inside

NAMING = ("original", "identity", "speaker")
"""Fields that tie rows together by a name."""


def build_manifest(spec: DatasetSpec, root: str | Path) -> Manifest:
    """One row for each file of the dataset under `root`, sorted by clip_id.

    Raises SpecError where the folder is not what the spec describes, ManifestError for a row.
    """
    listing = _dataset_root(spec, scan_folder(root))
    tables = {name: read_table(table, listing, spec.params) for name, table in spec.tables.items()}
    warnings: list[str] = []
    if spec.rows.table is None:
        candidates = from_files(spec, listing, warnings)
        if not candidates:
            notes = "".join(f"\n{note}" for note in listing.warnings + warnings)
            raise SpecError(
                f"{listing.root}: holds no file of {spec.name} among {len(listing.files)}; "
                f"looked for {tried(spec)}{notes}"
            )
    else:
        candidates = from_table(spec, listing, tables, warnings)
    warnings += join_records(spec, candidates, tables)
    warnings += add_missing(spec, candidates, listing, tables)
    if all(candidate.path is None for candidate in candidates.values()):
        notes = "\n".join(warnings)
        raise SpecError(
            f"{listing.root}: {len(candidates)} rows of {spec.name} and no file for any of them; "
            f"looked for {some(list(candidates), 3) or tried(spec)}\n{notes}"
        )
    return _Describer(spec, listing, candidates).manifest(listing.warnings + warnings)


def _dataset_root(spec: DatasetSpec, listing: Listing) -> Listing:
    """The listing from the folder that the spec describes: the one given, or one just below."""
    if not spec.root.any_of:
        return listing
    whole = glob_pattern(spec.root.any_of).fullmatch
    for place in (listing, *(listing.below(folder) for folder in spec.root.descend)):
        folders = {name.rpartition("/")[0] for name in place.files}
        above = {"/".join(f.split("/")[:n]) for f in folders for n in range(1, f.count("/") + 2)}
        if any(whole(name) for names in (place.files, above) for name in names):
            return place
    first = sorted({name.split("/")[0] for name in listing.files})
    raise SpecError(
        f"{listing.root}: does not look like {spec.name}, there is no "
        f"{' or '.join(spec.root.any_of)}; there are: {some(first) or 'no files'}"
    )


class _Describer:
    """Computes the fields of candidates."""

    def __init__(
        self, spec: DatasetSpec, listing: Listing, candidates: dict[str, Candidate]
    ) -> None:
        self.spec, self.root, self.twins = spec, listing.root, listing.twins
        self.candidates = [candidates[clip_id] for clip_id in sorted(candidates)]
        self.links = Links(candidates, spec.name)
        self.splits = SplitReader(spec, listing)
        named = spec.fields["original"].references() if "original" in spec.fields else ()
        self.original_columns = [(name.partition(".")[0], name.partition(".")[2]) for name in named]

    def manifest(self, warnings: list[str]) -> Manifest:
        rows, group_values = list[Row](), list[list[str]]()
        dropped: dict[str, list[str]] = {}
        names = []
        for candidate in self.candidates:
            row, groups = self._row(candidate)
            why = next((c for c in self.spec.drop if _fits(row, c)), None)
            if why is not None:
                words = ", ".join(f"{name} {value}" for name, value in why.items())
                dropped.setdefault(words, []).append(row.clip_id)
            else:
                rows.append(row)
                group_values.append(groups)
                names.append(candidate.names)
        if any(len(values) > 1 for values in group_values):
            merged = merged_names(group_values)
            rows = [replace(row, group=name) for row, name in zip(rows, merged, strict=True)]
        warnings = warnings + [
            f"{len(ids)} rows dropped, as the spec says, for {why}: {some(ids)}"
            for why, ids in dropped.items()
        ]
        warnings = warnings + self.links.warnings() + self.splits.warnings() + _missing(rows)
        first: dict[str, int] = {}
        for n, row in enumerate(rows):
            first.setdefault(self.twins.get(row.clip_id, row.clip_id), n)
        once = list(first.values())
        warnings += check_expectations(self.spec, [rows[n] for n in once], [names[n] for n in once])
        return Manifest(tuple(rows), self.spec.name, tuple(warnings), dict(self.spec.assumed))

    def _row(self, candidate: Candidate) -> tuple[Row, list[str]]:
        try:
            return self._described(candidate)
        except (ExpressionError, LabelError) as error:
            raise ManifestError(f"{candidate.where}: {error}") from error

    def _described(self, candidate: Candidate) -> tuple[Row, list[str]]:
        tables = {name: record.values for name, record in candidate.records.items()}
        scope = Scope(candidate.names, tables)
        naming = Scope(candidate.names, tables, is_naming=True)
        values = {
            name: e.evaluate(naming if name in NAMING else scope)
            for name, e in self.spec.fields.items()
        }
        for name in self.spec.absent & {"face_fake", "voice_fake"}:
            values[name] = ABSENT
        labels = settle_labels(values, kind=candidate.kind)
        original = self.links.resolve(_link(values.get("original")), candidate)
        values["original"] = original
        after = Scope({**candidate.names, **values}, tables)
        naming = replace(after, is_naming=True)
        split = self.splits.split_of(candidate, naming)
        texts = [as_text(expression.evaluate(naming)) for expression in self.spec.group]
        groups = [text for text in texts if text] or [original or candidate.clip_id]
        if labels.label and original is None and groups == [candidate.clip_id]:
            is_blank = any(name in tables.get(table, {}) for table, name in self.original_columns)
            self.links.note_unnamed(candidate.clip_id, is_blank=is_blank)
        if candidate.clip_id in self.twins:
            groups.append(self.twins[candidate.clip_id])
        segments = segments_of(self.spec.segments, after)
        values |= {"split": split, "group": groups[0], "segments": segments}
        return self._as_row(candidate, values, labels), groups

    def _as_row(self, candidate: Candidate, values: dict[str, Any], labels: FileLabels) -> Row:
        segments = values.pop("segments")
        texts = {name: as_text(value) for name, value in values.items()}
        text = {name: t for name, t in texts.items() if t not in ("nan", "NaN", "<NA>")}.get
        return Row(
            clip_id=candidate.clip_id,
            path=candidate.path or str(inside(self.root, candidate.clip_id)),
            label=labels.label,
            face_fake=labels.face_fake,
            voice_fake=labels.voice_fake,
            has_video=labels.has_video,
            has_audio=labels.has_audio,
            original=text("original"),
            group=values["group"],
            dataset=self.spec.name,
            part=text("part") or text("fold"),
            identity=text("identity") or text("speaker"),
            method=text("method"),
            source=text("source"),
            split=values["split"],
            status="ok" if candidate.path else "missing",
            segments=segments,
        )


def _link(value: Any) -> Link | None:
    text = None if isinstance(value, Link) else as_text(value)
    return value if isinstance(value, Link) else Link(text) if text else None


def _fits(row: Row, condition: dict[str, str]) -> bool:
    """Whether a row is one that the spec drops, as `{face_fake: unknown}` says."""
    return all((as_text(getattr(row, name)) or "unknown") == v for name, v in condition.items())


def _missing(rows: list[Row]) -> list[str]:
    gone = [row.clip_id for row in rows if row.status == "missing"]
    return [f"{len(gone)} rows name a file that is not there: {some(gone)}"] if gone else []
