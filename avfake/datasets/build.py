"""From a spec and a folder to a manifest: every file a row, every oddity a warning or an error."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from avfake.datasets.candidates import Candidate, Candidates, tried
from avfake.datasets.expectations import check_expectations
from avfake.datasets.fields import Links, SplitReader, segments_of
from avfake.datasets.folders import note, some
from avfake.datasets.listing import Listing, glob_pattern, scan_folder
from avfake.datasets.manifest import Manifest, Row
from avfake.datasets.schema import DROPPABLE, DatasetSpec
from avfake.datasets.splits import merged_names
from avfake.datasets.tables import read_table
from avfake.datasets.values import DataValueError, as_text, settle_labels
from avfake.errors import ManifestError, SpecError

NAMING = ("original", "identity", "speaker")
"""Fields that tie rows together by a name."""


def build_manifest(spec: DatasetSpec, root: str | Path) -> Manifest:
    """Return one row for each file of the dataset under `root`, sorted by clip_id.

    Raises SpecError where the folder is not what the spec describes, ManifestError for a row.
    """
    listing = _dataset_root(spec, scan_folder(root))
    tables = {name: read_table(table, listing, spec.params) for name, table in spec.tables.items()}
    candidates = Candidates(spec, listing, tables)
    found, warnings = candidates.found, candidates.warnings
    if all(candidate.path is None for candidate in found.values()):
        notes = "\n".join(warnings)
        raise SpecError(
            f"{listing.root}: {len(found)} rows of {spec.name} and no file for any of them; "
            f"looked for {some(list(found), 3) or tried(spec)}\n{notes}"
        )
    return _ManifestBuilder(spec, listing, found).manifest(listing.warnings + warnings)


def _dataset_root(spec: DatasetSpec, listing: Listing) -> Listing:
    """Return the listing of the folder that the spec describes: the one given, or one below it."""
    if not spec.root.any_of:
        return listing
    whole = glob_pattern(spec.root.any_of).fullmatch
    for seen in (listing, *(listing.below(folder) for folder in spec.root.descend)):
        folders = {name.rpartition("/")[0] for name in seen.files}
        above = {"/".join(f.split("/")[:n]) for f in folders for n in range(1, f.count("/") + 2)}
        if any(whole(name) for names in (seen.files, above) for name in names):
            return seen
    first = sorted({name.split("/")[0] for name in listing.files})
    raise SpecError(
        f"{listing.root}: does not look like {spec.name}, there is no "
        f"{' or '.join(spec.root.any_of)}; there are: {some(first) or 'no files'}"
    )


class _ManifestBuilder:
    """A builder that computes the fields of candidates."""

    def __init__(
        self, spec: DatasetSpec, listing: Listing, candidates: dict[str, Candidate]
    ) -> None:
        self.spec, self.root, self.twins = spec, listing.root, listing.twins
        self.candidates = [candidates[clip_id] for clip_id in sorted(candidates)]
        self.links = Links(candidates, spec.name)
        self.splits = SplitReader(spec, listing)
        named = spec.fields["original"].references if "original" in spec.fields else ()
        self.original_columns = [name.partition(".")[::2] for name in named]

    def manifest(self, warnings: list[str]) -> Manifest:
        rows, group_values = list[Row](), list[list[str]]()
        dropped: dict[str, list[str]] = {}
        names = []
        for candidate in self.candidates:
            try:
                row, groups = self._row(candidate)
            except DataValueError as error:
                raise ManifestError(f"{candidate.where}: {error}") from error
            read = {name: as_text(getattr(row, name)) or "unknown" for name in DROPPABLE}
            rule = next((c for c in self.spec.drop if c.items() <= read.items()), None)
            if rule is not None:
                words = ", ".join(f"{name} {value}" for name, value in rule.items())
                dropped.setdefault(words, []).append(row.clip_id)
            else:
                rows.append(row)
                group_values.append(groups)
                names.append(candidate.names)
        merged = merged_names(group_values)
        rows = [replace(row, group=name) for row, name in zip(rows, merged, strict=True)]
        for words, ids in dropped.items():
            warnings += note(ids, f"rows dropped, as the spec says, for {words}")
        warnings += self.links.warnings() + self.splits.warnings()
        missing = [row.clip_id for row in rows if row.status == "missing"]
        warnings += note(missing, "rows name a file that is not there")
        first: dict[str, int] = {}
        for n, row in enumerate(rows):
            first.setdefault(self.twins.get(row.clip_id, row.clip_id), n)
        once = list(first.values())
        warnings += check_expectations(self.spec, [rows[n] for n in once], [names[n] for n in once])
        return Manifest(tuple(rows), self.spec.name, tuple(warnings), dict(self.spec.assumed))

    def _row(self, candidate: Candidate) -> tuple[Row, list[str]]:
        """Return the row of a candidate, and all groups that it belongs to."""
        scope = candidate.scope
        naming = replace(scope, is_naming=True)
        values = {
            name: e.evaluate(naming if name in NAMING else scope)
            for name, e in self.spec.fields.items()
        }
        labels = settle_labels(values, kind=candidate.kind)
        original = self.links.resolve(values.get("original"), candidate)
        values["original"] = original
        after = replace(scope, names={**candidate.names, **values})
        naming = replace(after, is_naming=True)
        split = self.splits.split_of(candidate, naming)
        texts = [as_text(expression.evaluate(naming)) for expression in self.spec.group]
        groups = [text for text in texts if text] or [original or candidate.clip_id]
        if labels["label"] and original is None and groups == [candidate.clip_id]:
            is_blank = any(
                name in scope.tables.get(table, {}) for table, name in self.original_columns
            )
            self.links.note_unnamed(candidate.clip_id, is_blank=is_blank)
        if candidate.clip_id in self.twins:
            groups.append(self.twins[candidate.clip_id])
        text = {name: _text(value) for name, value in values.items()}.get
        row = Row(
            clip_id=candidate.clip_id,
            path=candidate.path or str(self.root / candidate.clip_id),
            **labels,
            original=text("original"),
            dataset=self.spec.name,
            part=text("part") or text("fold"),
            identity=text("identity") or text("speaker"),
            method=text("method"),
            source=text("source"),
            split=split,
            status="ok" if candidate.path else "missing",
            segments=segments_of(self.spec.segments, after),
        )
        return row, groups


def _text(value: Any) -> str | None:
    text = as_text(value)
    return None if text in ("nan", "NaN", "<NA>") else text
