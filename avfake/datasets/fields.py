"""Fields of a row that need more than its own values: original, split, segments."""

import posixpath
from collections import Counter
from collections.abc import Iterator
from typing import Any

from avfake.datasets.candidates import Candidate
from avfake.datasets.expressions import Link, Scope
from avfake.datasets.folders import note, some
from avfake.datasets.listing import Listing
from avfake.datasets.manifest import checked_segment
from avfake.datasets.schema import DatasetSpec
from avfake.datasets.spec import SECONDS, SegmentRule, SplitLists, list_table
from avfake.datasets.tables import read_table
from avfake.datasets.values import DataValueError, as_text
from avfake.errors import ManifestError
from avfake.labels import ForgedSegment


class Links:
    """Links from fakes to their originals, as clip_ids; absent originals are counted."""

    def __init__(self, candidates: dict[str, Candidate], dataset: str) -> None:
        self.candidates, self.dataset = candidates, dataset
        self.by_name: dict[str, list[str]] = {}
        for clip_id in candidates:
            self.by_name.setdefault(posixpath.basename(clip_id), []).append(clip_id)
        self.absent, self.unclear, self.elsewhere = Counter[str](), Counter[str](), Counter[str]()
        self.unnamed: list[str] = []
        self.names_originals = False
        """Whether the dataset names originals at all."""

    def resolve(self, original: Any, candidate: Candidate) -> str | None:
        """Return the clip_id of an original, present or not; `dataset:path` for another dataset.

        original: a link, or the path as text; None = it has none
        """
        link = original if isinstance(original, Link) else Link(as_text(original) or "")
        if not link.path:
            return None
        self.names_originals = True
        if link.dataset and link.dataset != self.dataset:
            self.elsewhere[link.dataset] += 1
            return f"{link.dataset}:{link.path}"
        path = posixpath.normpath(link.path)
        if path in self.candidates:
            return path
        if link.required:
            raise ManifestError(f"{candidate.where}: its original {path} is not there")
        named = self.by_name.get(posixpath.basename(path), []) if link.anywhere else []
        named = [name for name in named if name != candidate.clip_id]
        if len(named) == 1:
            return named[0]
        (self.unclear if named else self.absent)[path] += 1
        return path

    def note_unnamed(self, clip_id: str, *, is_blank: bool) -> None:
        """Note a fake without an original; is_blank: its record has an empty cell for one."""
        self.unnamed.append(clip_id)
        self.names_originals = self.names_originals or is_blank

    def warnings(self) -> list[str]:
        """Return a sentence for each kind of original that was not found."""
        texts = {
            "are not in the dataset": self.absent,
            "could be any of several files of that name": self.unclear,
        }
        found = [
            f"{len(names)} originals, of {names.total()} fakes, {text}: {some(list(names))}"
            for text, names in texts.items()
            if names
        ]
        found += [
            f"the originals of {count} fakes belong to another dataset, {name}"
            for name, count in self.elsewhere.items()
        ]
        if self.unnamed and self.names_originals:
            found += note(self.unnamed, "fakes name no original, and each is a group of its own")
        return found


class SplitReader:
    """The dataset's own split: a field of each row, or lists of keys in files of their own."""

    def __init__(self, spec: DatasetSpec, listing: Listing) -> None:
        self.split = spec.split
        self.members: dict[str, str] = {}
        self.found: set[str] = set()
        self.absent: list[str] = []
        if isinstance(spec.split, SplitLists):
            for name, glob in spec.split.lists.items():
                table = read_table(list_table(name, glob, spec.split), listing, {})
                if not table.files:
                    self.absent.append(glob)
                for record in table.records:
                    key = as_text(record.values["value"]) or ""
                    first = self.members.setdefault(key, name)
                    if first != name:
                        raise ManifestError(
                            f"{record.where}: {key} is in the lists of {first} and of {name}"
                        )

    def split_of(self, candidate: Candidate, scope: Scope) -> str | None:
        split = self.split
        if not isinstance(split, SplitLists):
            return as_text(split.evaluate(scope))
        key = as_text(split.key.evaluate(scope))
        is_meant = not split.media or candidate.names["media"] in split.media
        if is_meant and key in self.members:
            self.found.add(key)
            return self.members[key]
        return as_text(split.otherwise.evaluate(scope))

    def warnings(self) -> list[str]:
        """Return sentences on lists that are not there, and entries of lists that fit no row."""
        left = [key for key in self.members if key not in self.found]
        warnings = note(left, "entries of the split lists fit no file")
        if not self.absent:
            return warnings
        return [f"there is no split list {some(self.absent)}; its split stays empty", *warnings]


def segments_of(rules: tuple[SegmentRule, ...], scope: Scope) -> tuple[ForgedSegment, ...]:
    """Return the forged segments of one row, sorted. Raises DataValueError."""
    return tuple(
        sorted(
            checked_segment(start, end, rule.stream, unit_seconds=SECONDS[rule.unit])
            for rule in rules
            if rule.only_if is None or as_text(rule.only_if.evaluate(scope)) == "true"
            for start, end in _pairs(rule, rule.source.evaluate(scope))
        )
    )


def _pairs(rule: SegmentRule, value: Any) -> Iterator[tuple[Any, Any]]:
    if value is None:
        return
    if rule.pattern is not None:
        for match in rule.pattern.finditer(as_text(value) or ""):
            if all(match[name] == wanted for name, wanted in rule.where.items()):
                yield match["s"], match["e"]
        return
    if not isinstance(value, list) or any(
        not isinstance(item, list) or len(item) != 2 for item in value
    ):
        raise DataValueError(f"segments must be a list of [start, end], got {value!r}")
    yield from value
